/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What user space gets. Readers decode the events by the BTF of these structures, so a field's name is what people see. The layout
 * of a published structure never changes: a reader that was started before an upgrade goes on reading the same map after it.
 */
#ifndef EXEC_WATCH_EVENTS_H
#define EXEC_WATCH_EVENTS_H

#include <linux/types.h>

#define COMM_SIZE 16
#define FILENAME_SIZE 128
#define ARGS_SIZE 1024 /* a power of two: offsets into it are masked */

/* A process has executed a program. */
struct exec_event {
	__u64 timestamp_ns; /* CLOCK_MONOTONIC */
	__u32 pid;
	__u32 ppid;
	__u32 uid;
	__u32 gid;
	char comm[COMM_SIZE];
	char filename[FILENAME_SIZE];
	__u32 args_count;     /* arguments in args; the last one may be cut */
	__u32 args_omitted;   /* bytes of arguments that are not in args */
	char args[ARGS_SIZE]; /* the arguments with a blank between them; only as much is sent as is used, and the NUL after it */
};

/* A process has ended. */
struct exit_event {
	__u64 timestamp_ns; /* CLOCK_MONOTONIC */
	__u64 run_time_ns;  /* since its execution, or since its creation where that was not seen */
	__u32 pid;
	__u32 ppid;
	__u32 uid;
	__u32 gid;
	char comm[COMM_SIZE];
	__u32 exit_code;
	__u32 exit_signal; /* the signal that ended it, or 0 */
};

#endif
