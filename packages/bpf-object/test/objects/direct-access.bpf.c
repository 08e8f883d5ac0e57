/* Loads that the compiler relocates in place (the instruction's offset and size), as BTF tracing programs use. */
#include "bpf-support.h"

char LICENSE[] SEC("license") = "GPL";

struct list_head {
	struct list_head *next, *prev;
} CORE;

struct sched_entity {
	unsigned long long vruntime;
} CORE;

struct task_struct {
	int pid;
	unsigned int flags;
	unsigned long long start_time;
	struct task_struct *parent;
	struct list_head tasks;
	struct sched_entity se;
	/* Narrower and wider than the kernel's. */
	unsigned short policy;
	unsigned int utime;
	short tgid;
	int no_such_field;
	unsigned char on_cpu;
	unsigned long long prio;
} CORE;

volatile unsigned long long sink;

SEC("tp_btf/sched_process_exec")
int loads(unsigned long long *ctx)
{
	struct task_struct *t = (void *)ctx[0];

	sink += t->pid;
	sink += t->flags;
	sink += t->start_time;
	sink += t->parent->pid;
	sink += (unsigned long)t->tasks.next;
	sink += t->se.vruntime;
	sink += t->policy;
	sink += t->utime;
	sink += t->tgid;
	sink += t->on_cpu;
	sink += t->prio;
	return 0;
}

SEC("tp_btf/sched_process_fork")
int missing(unsigned long long *ctx)
{
	struct task_struct *t = (void *)ctx[0];

	return t->no_such_field;
}

static __noinline int of_parent(struct task_struct *t)
{
	return t->parent ? t->parent->flags : 0;
}

SEC("fentry/wake_up_new_task")
int called(unsigned long long *ctx)
{
	return of_parent((struct task_struct *)ctx[0]) & 1;
}
