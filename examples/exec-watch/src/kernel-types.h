/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The few fields of the kernel's structures that exec-watch reads. `preserve_access_index` makes every access a CO-RE relocation:
 * the loader finds the field by its name in the running kernel, so layout and order here mean nothing.
 */
#ifndef KERNEL_TYPES_H
#define KERNEL_TYPES_H

#include <linux/types.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct mm_struct {
	unsigned long arg_start;
	unsigned long arg_end;
};

typedef struct {
	int counter;
} atomic_t;

struct signal_struct {
	atomic_t live; /* threads of the process that still run */
};

struct task_struct {
	int tgid;
	int exit_code;
	__u64 start_time; /* CLOCK_MONOTONIC, nanoseconds */
	struct mm_struct *mm;
	struct task_struct *real_parent;
	struct signal_struct *signal;
};

struct linux_binprm {
	const char *filename;
};

#pragma clang attribute pop

#endif
