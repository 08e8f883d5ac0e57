/* A bit of everything that an object can hold. */
#include "bpf-support.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum verdict { VERDICT_PASS, VERDICT_DROP = 7 };

struct point {
	short x, y;
};

struct event {
	__u32 pid;
	__s32 code;
	__u64 time;
	enum verdict verdict;
	bool seen;
	unsigned int low : 3;
	int high : 5;
	struct point where[2];
	union {
		__u32 v4;
		__u8 bytes[4];
	};
	void *cookie;
	char comm[16];
	__u32 length;
	char text[64];
};

struct event *force_event_into_btf __attribute__((unused));

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_COMMON_LRU);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, __u32);
	__type(value, struct event);
} seen SEC(".maps");

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 8);
	__uint(key_size, 4);
	__array(values, struct inner);
} tables SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} unused_counters SEC(".maps");

const volatile __u32 only_pid = 0;
__u64 total;
__u64 started = 5;

extern int LINUX_KERNEL_VERSION __kconfig;
extern bool CONFIG_BPF_LSM __kconfig __weak;
extern const void init_task __ksym;
extern const void no_such_symbol __ksym __weak;
extern void bpf_rcu_read_lock(void) __ksym __weak;

struct task_struct {
	int pid;
	int tgid;
	struct task_struct *real_parent;
	int no_such_field;
} CORE;

static __noinline int count(__u64 by)
{
	__sync_fetch_and_add(&total, by);
	return 0;
}

static long each(__u32 index, void *ctx)
{
	count(index);
	return 0;
}

__noinline int global_function(__u32 pid)
{
	return pid > 1000;
}

SEC("raw_tp/sched_process_exec")
int on_exec(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct event *event;

	int tgid = BPF_CORE_READ(task, tgid);

	if (only_pid && only_pid != tgid)
		return 0;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return 0;
	event->pid = tgid;
	event->code = BPF_CORE_READ(task, real_parent, pid);
	event->time = bpf_ktime_get_ns();
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_probe_read_user_str(event->text, sizeof(event->text), task);
	bpf_ringbuf_submit(event, 0);
	if (bpf_core_field_exists(task->no_such_field))
		count(BPF_CORE_READ(task, no_such_field));
	bpf_loop(4, each, NULL, 0);
	return global_function(tgid);
}

SEC("tp/syscalls/sys_enter_execve")
int on_syscall(void *ctx)
{
	__u32 key = 0;
	struct event *event = bpf_map_lookup_elem(&seen, &key);

	if (event)
		event->time = started + LINUX_KERNEL_VERSION + CONFIG_BPF_LSM;
	if (&no_such_symbol)
		count((__u64)&init_task);
	if (bpf_rcu_read_lock)
		bpf_rcu_read_lock();
	return 0;
}

SEC("xdp.frags")
int filter(struct xdp_md *ctx)
{
	__u32 key = ctx->ingress_ifindex;
	void *table = bpf_map_lookup_elem(&tables, &key);
	volatile int sum = 0;

	for (int i = 0; i < 100; i++)
		sum += i ^ key;
	return table && sum ? XDP_DROP : XDP_PASS;
}

SEC("?fentry/do_unlinkat")
int optional(void *ctx)
{
	return count(1);
}

SEC("kprobe/do_nanosleep+0x4")
int probed(void *ctx)
{
	return count(1);
}

SEC("lsm.s/bprm_committed_creds")
int sleeping(void *ctx)
{
	return count(1);
}
