/* Every kind of CO-RE relocation, over types that real kernels have or do not have. */
#include "bpf-support.h"

char LICENSE[] SEC("license") = "GPL";

typedef int pid_type;

struct list_head {
	struct list_head *next, *prev;
} CORE;

struct sched_info {
	unsigned long pcount;
	unsigned long long run_delay;
} CORE;

struct mm_struct {
	struct {
		unsigned long task_size;
	};
} CORE;

enum task_flavour___test { NOT_THERE_1, NOT_THERE_2 };

struct task_struct {
	int pid;
	int tgid;
	char comm[16];
	struct mm_struct *mm;
	struct task_struct *parent;
	struct list_head tasks;
	struct sched_info sched_info;
	unsigned in_execve : 1;
	unsigned in_iowait : 1;
	unsigned sched_reset_on_fork : 1;
	unsigned int policy;
	long wrong_type_never;
} CORE;

/* A flavour with a field of the past and one of another type. */
struct task_struct___old {
	long state;
	struct list_head comm;
	int no_such_field;
} CORE;

struct sk_buff {
	unsigned int len;
	unsigned char pkt_type : 3;
	unsigned char ip_summed : 2;
	struct {
		unsigned short protocol;
	};
	unsigned char *head;
	unsigned char cb[48];
} CORE;

struct no_such_struct {
	int a;
} CORE;

union nf_inet_addr {
	unsigned int all[4];
	unsigned int ip;
} CORE;

struct bpf_prog_aux {
	unsigned int id;
	char name[16];
} CORE;

struct pt_regs {
	unsigned long di;
	unsigned long ip;
} CORE;

struct sockaddr {
	unsigned short sa_family;
} CORE;

struct linux_binprm {
	const char *filename;
	int argc;
} CORE;

struct cpumask {
	unsigned long bits[1];
} CORE;

/* The flexible array at the end. */
struct bpf_map_array_holder___not_there {
	int n;
	int items[];
} CORE;

struct trace_entry {
	unsigned short type;
	unsigned char flags;
	int pid;
} CORE;

struct syscall_trace_enter {
	struct trace_entry ent;
	int nr;
	unsigned long args[];
} CORE;

enum bpf_func_id_more {
	FIRST_OF_MORE,
};

enum bpf_map_type___mine {
	BPF_MAP_TYPE_RINGBUF___other = 5,
	BPF_MAP_TYPE_NEVER_MADE = 6,
};

enum bpf_link_type___mine { BPF_LINK_TYPE_XDP___x = 60, };

/* On the kernel side these are smaller or larger enumerations. */
enum zone_type___t { ZONE_NORMAL___t = 77, ZONE_NEVER = 78 };

typedef struct {
	int counter;
} atomic_t;

typedef int (*initcall_t)(void);
typedef unsigned long long u64_never_made;

volatile unsigned long long sink;

SEC("raw_tp/sched_process_exec")
int fields(void *ctx)
{
	struct task_struct *t = (void *)bpf_get_current_task();
	struct task_struct___old *o = (void *)t;
	char comm[16];

	sink += BPF_CORE_READ(t, pid);
	sink += BPF_CORE_READ(t, parent, tgid);
	sink += (unsigned long)BPF_CORE_READ(t, mm, task_size);
	sink += BPF_CORE_READ(t, sched_info.run_delay);
	sink += (unsigned long)BPF_CORE_READ(t, tasks.next);
	bpf_core_read_str(comm, sizeof(comm), &t->comm);
	sink += comm[0];
	sink += BPF_CORE_READ(t, comm[3]);

	if (bpf_core_field_exists(o->state))
		sink += BPF_CORE_READ(o, state);
	if (bpf_core_field_exists(t->wrong_type_never))
		sink += BPF_CORE_READ(t, wrong_type_never);
	sink += bpf_core_field_exists(o->comm);
	sink += bpf_core_field_exists(o->no_such_field);
	sink += bpf_core_field_exists(t->sched_info.pcount);
	sink += bpf_core_field_size(t->comm);
	sink += bpf_core_field_size(t->tasks);
	sink += bpf_core_field_size(t->comm[2]);
	sink += __builtin_preserve_field_info(t->pid, BPF_FIELD_SIGNED);
	sink += __builtin_preserve_field_info(t->policy, BPF_FIELD_SIGNED);
	sink += __builtin_preserve_field_info(t->tgid, BPF_FIELD_LSHIFT_U64);
	sink += __builtin_preserve_field_info(t->tgid, BPF_FIELD_RSHIFT_U64);
	return 0;
}

SEC("raw_tp/sched_process_exit")
int bitfields(void *ctx)
{
	struct task_struct *t = (void *)bpf_get_current_task();
	struct sk_buff *skb = (void *)t;

	sink += BPF_CORE_READ_BITFIELD_PROBED(t, in_execve);
	sink += BPF_CORE_READ_BITFIELD_PROBED(t, in_iowait);
	sink += BPF_CORE_READ_BITFIELD_PROBED(t, sched_reset_on_fork);
	sink += BPF_CORE_READ_BITFIELD_PROBED(skb, pkt_type);
	sink += BPF_CORE_READ_BITFIELD_PROBED(skb, ip_summed);
	sink += BPF_CORE_READ(skb, protocol);
	sink += BPF_CORE_READ(skb, cb[7]);
	return 0;
}

SEC("raw_tp/sched_switch")
int arrays(void *ctx)
{
	struct syscall_trace_enter *e = (void *)bpf_get_current_task();
	struct cpumask *m = (void *)e;
	union nf_inet_addr *a = (void *)e;
	struct bpf_map_array_holder___not_there *h = (void *)e;
	struct no_such_struct *n = (void *)e;

	sink += BPF_CORE_READ(e, args[2]);
	sink += BPF_CORE_READ(e, ent.pid);
	sink += BPF_CORE_READ(m, bits[0]);
	sink += BPF_CORE_READ(a, all[2]);
	sink += BPF_CORE_READ(a, all[3]);
	if (bpf_core_field_exists(h->n))
		sink += BPF_CORE_READ(h, items[1]);
	if (bpf_core_type_exists(struct no_such_struct))
		sink += BPF_CORE_READ(n, a);
	return 0;
}

SEC("raw_tp/sched_wakeup")
int types(void *ctx)
{
	sink += bpf_core_type_exists(struct task_struct);
	sink += bpf_core_type_exists(struct no_such_struct);
	sink += bpf_core_type_exists(union nf_inet_addr);
	sink += bpf_core_type_exists(atomic_t);
	sink += bpf_core_type_exists(initcall_t);
	sink += bpf_core_type_exists(u64_never_made);
	sink += bpf_core_type_size(struct task_struct);
	sink += bpf_core_type_size(struct no_such_struct);
	sink += bpf_core_type_size(atomic_t);
	sink += bpf_core_type_id_local(struct task_struct);
	sink += bpf_core_type_id_kernel(struct task_struct);
	sink += bpf_core_type_id_kernel(struct no_such_struct);
	sink += bpf_core_type_id_kernel(struct list_head);
	return 0;
}

SEC("raw_tp/sched_wakeup_new")
int enums(void *ctx)
{
	sink += bpf_core_enum_value_exists(enum bpf_map_type___mine, BPF_MAP_TYPE_RINGBUF___other);
	sink += bpf_core_enum_value_exists(enum bpf_map_type___mine, BPF_MAP_TYPE_NEVER_MADE);
	sink += bpf_core_enum_value(enum bpf_map_type___mine, BPF_MAP_TYPE_RINGBUF___other);
	sink += bpf_core_enum_value(enum zone_type___t, ZONE_NORMAL___t);
	sink += bpf_core_enum_value(enum bpf_link_type___mine, BPF_LINK_TYPE_XDP___x);
	if (bpf_core_enum_value_exists(enum zone_type___t, ZONE_NEVER))
		sink += bpf_core_enum_value(enum zone_type___t, ZONE_NEVER);
	sink += bpf_core_enum_value_exists(enum task_flavour___test, NOT_THERE_1);
	sink += bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_loop);
	sink += bpf_core_enum_value(enum bpf_func_id, BPF_FUNC_loop);
	return 0;
}
