// SPDX-License-Identifier: Apache-2.0
/* Kernel functions: by the types of programs that may call them, and by what they are declared as. */
#include "idiom.h"

extern void bpf_rcu_read_lock(void) __ksym __weak;
extern void bpf_rcu_read_unlock(void) __ksym __weak;
extern struct task_struct *bpf_task_from_pid(int pid) __ksym __weak;
extern void bpf_task_release(struct task_struct *task) __ksym __weak;
extern void bpf_bprm_opts(void) __ksym __weak;

#define LOCKS(name, section)                                                                                                       \
	SEC(section) int name(void *ctx)                                                                                           \
	{                                                                                                                          \
		if (&bpf_rcu_read_lock) {                                                                                    \
			bpf_rcu_read_lock();                                                                                       \
			bpf_rcu_read_unlock();                                                                                     \
		}                                                                                                                  \
		return 1;                                                                                                          \
	}
LOCKS(dep_lock_tracing, "tp_btf/sched_switch")
LOCKS(dep_lock_xdp, "xdp")
LOCKS(dep_lock_socket, "socket")
LOCKS(dep_lock_kprobe, "kprobe/vfs_read")
LOCKS(dep_lock_cgroup, "cgroup/connect4")
LOCKS(dep_lock_sockops, "sockops")
LOCKS(dep_lock_lookup, "sk_lookup")
LOCKS(dep_lock_device, "cgroup/dev")

SEC("syscall") int dep_task_syscall(void *ctx)
{
	struct task_struct *task;

	if (!&bpf_task_from_pid)
		return 0;
	task = bpf_task_from_pid(1);
	if (task)
		bpf_task_release(task);
	return 0;
}
#define TASK(name, section)                                                                                                        \
	SEC(section) int name(void *ctx)                                                                                           \
	{                                                                                                                          \
		struct task_struct *task;                                                                                          \
                                                                                                                                   \
		if (!&bpf_task_from_pid)                                                                                           \
			return 1;                                                                                                  \
		task = bpf_task_from_pid(1);                                                                                       \
		if (task)                                                                                                          \
			bpf_task_release(task);                                                                                    \
		return 1;                                                                                                          \
	}
TASK(dep_task_tracing, "tp_btf/sched_switch")
TASK(dep_task_raw_tp, "raw_tp/sched_switch")
TASK(dep_task_kprobe, "kprobe/vfs_read")
TASK(dep_task_tracepoint, "tracepoint/sched/sched_switch")
TASK(dep_task_perf_event, "perf_event")
TASK(dep_task_xdp, "xdp")
TASK(dep_task_tc, "tc")
TASK(dep_task_cgroup_skb, "cgroup_skb/egress")
SEC("tc") int ok_absent(void *ctx) { if (&bpf_bprm_opts) bpf_bprm_opts(); return 0; }
