/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The programs of exec-watch. A variant first includes its way to send events (send-*.h) and to read arguments (arguments-*.h), then
 * this file. WATCH_EXITS adds the ends of processes (version 1.1.0).
 */
#ifndef EXEC_WATCH_H
#define EXEC_WATCH_H

#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include "arguments.h"
#include "events.h"
#include "kernel-types.h"

char LICENSE[] SEC("license") = "GPL";

/* Counts executions: uid -> number. Kept over upgrades. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32);
	__type(value, __u64);
} executions SEC(".maps");

/* Counts events that found no room, in entry 0. Kept over upgrades. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} dropped SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} exec_scratch SEC(".maps");

static __always_inline void count_up(void *map, __u32 key)
{
	__u64 *count = bpf_map_lookup_elem(map, &key);
	__u64 zero = 0;

	if (!count) {
		bpf_map_update_elem(map, &key, &zero, BPF_NOEXIST);
		count = bpf_map_lookup_elem(map, &key);
	}
	if (count)
		__sync_fetch_and_add(count, 1);
}

/* Returns the bytes of the event that are used. */
static __always_inline __u64 fill_arguments(struct scratch *scratch, struct task_struct *task)
{
	struct exec_event *event = &scratch->event;
	struct arguments arguments = {
		.scratch = scratch,
		.start = BPF_CORE_READ(task, mm, arg_start),
		.end = BPF_CORE_READ(task, mm, arg_end),
	};
	__u32 total = arguments.end - arguments.start;
	__u64 used;

	event->args[0] = '\0';
	/*
	 * Zero, and no verifier may know it: those before Linux 6.7 walk the callback of bpf_loop once only, and would take out what is for
	 * the second round (Linux commit ab5cfac139ab).
	 */
	event->args_omitted = 0;
	arguments.offset = *(volatile __u32 *)&event->args_omitted;
	read_arguments(&arguments);
	event->args[ARGS_SIZE - 1] = '\0';
	event->args_count = arguments.count;
	event->args_omitted = total > arguments.offset ? total - arguments.offset : 0;
	used = arguments.offset;
	if (used > ARGS_SIZE) {
		event->args_omitted += used - ARGS_SIZE;
		used = ARGS_SIZE;
	}
	if (used == 0)
		used = 1; /* the NUL */
	/* Tells every verifier what the branches above say, which the compiler may turn into something that old ones do not follow. */
	barrier_var(used);
	used &= 2 * ARGS_SIZE - 1;
	return offsetof(struct exec_event, args) + used;
}

#ifdef WATCH_EXITS
/* When a process executed its program: pid -> CLOCK_MONOTONIC nanoseconds. When it is full, the kernel forgets what was used least. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, __u64);
} started SEC(".maps");

/* An exit would fit on the stack, but only a map's value brings its type into the object's BTF, by which readers decode. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct exit_event);
} exit_scratch SEC(".maps");
#endif

/* TP_PROTO(struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm); runs in the process that executes. */
SEC("raw_tp/sched_process_exec")
int watch_exec(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx->args[0];
	struct linux_binprm *bprm = (struct linux_binprm *)ctx->args[2];
	__u64 uid_gid = bpf_get_current_uid_gid();
	__u32 zero = 0;
	struct scratch *scratch = bpf_map_lookup_elem(&exec_scratch, &zero);
	struct exec_event *event;
	__u64 size;

	if (!scratch)
		return 0;
	event = &scratch->event;
	event->timestamp_ns = bpf_ktime_get_ns();
	event->pid = bpf_get_current_pid_tgid() >> 32;
	event->ppid = BPF_CORE_READ(task, real_parent, tgid);
	event->uid = uid_gid;
	event->gid = uid_gid >> 32;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	__builtin_memset(event->filename, 0, sizeof(event->filename));
	bpf_probe_read_kernel_str(event->filename, sizeof(event->filename), BPF_CORE_READ(bprm, filename));
	size = fill_arguments(scratch, task);

	count_up(&executions, event->uid);
#ifdef WATCH_EXITS
	bpf_map_update_elem(&started, &event->pid, &event->timestamp_ns, BPF_ANY);
#endif
	if (send_event(ctx, &events, event, size))
		count_up(&dropped, 0);
	return 0;
}

#ifdef WATCH_EXITS
/* TP_PROTO(struct task_struct *p, ...); runs in the thread that ends. */
SEC("raw_tp/sched_process_exit")
int watch_exit(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx->args[0];
	__u64 uid_gid = bpf_get_current_uid_gid();
	__u32 zero = 0;
	struct exit_event *event = bpf_map_lookup_elem(&exit_scratch, &zero);
	__u64 *since;
	int code;

	/* Only its last thread ends the process. */
	if (!event || BPF_CORE_READ(task, signal, live.counter) != 0)
		return 0;
	event->timestamp_ns = bpf_ktime_get_ns();
	event->pid = bpf_get_current_pid_tgid() >> 32;
	event->ppid = BPF_CORE_READ(task, real_parent, tgid);
	event->uid = uid_gid;
	event->gid = uid_gid >> 32;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	/* As wait(2) encodes it: the low seven bits are the signal, the next byte the code. */
	code = BPF_CORE_READ(task, exit_code);
	event->exit_code = (code >> 8) & 0xff;
	event->exit_signal = code & 0x7f;
	since = bpf_map_lookup_elem(&started, &event->pid);
	event->run_time_ns = event->timestamp_ns - (since ? *since : BPF_CORE_READ(task, start_time));
	bpf_map_delete_elem(&started, &event->pid);
	if (send_event(ctx, &exits, event, sizeof(*event)))
		count_up(&dropped, 0);
	return 0;
}
#endif

#endif
