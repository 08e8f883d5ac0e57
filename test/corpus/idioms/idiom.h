/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the idioms share. No vmlinux.h: the few types needed are declared here, so that the same bytes come of it everywhere.
 *
 * Names say what the author expects, and kernels decide: ok_ loads everywhere; bad_ reaches a relocation that fails on every kernel;
 * new_ and old_ load where the kernel is new or old enough for what they name.
 */
#pragma once
#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#define KERNEL_VERSION(a, b, c) (((a) << 16) + ((b) << 8) + ((c) > 255 ? 255 : (c)))
#define core __attribute__((preserve_access_index))
#define HOOK SEC("raw_tp/sched_switch")

#ifndef LICENCE
#define LICENCE "GPL"
#endif
char LICENSE[] SEC("license") = LICENCE;

extern int LINUX_KERNEL_VERSION __kconfig;

struct list_head___core {
	void *next;
} core;

/* In every kernel. */
struct task_struct {
	int pid;
	int tgid;
	struct task_struct *group_leader;
	char comm[16];
} core;

/* 5.14 renamed `state`. */
struct task_struct___old {
	long state;
} core;
struct task_struct___new {
	unsigned int __state;
} core;

/* In no kernel. */
struct task_struct___gone {
	long bpfship_gone;
	long bpfship_gone_too;
} core;
struct bpfship_no_such_type {
	long member;
} core;
enum bpfship_no_such_enum {
	BPFSHIP_NO_SUCH_VALUE = 77,
};

/* Helpers by kernel: 5.17, 6.2, never. */
enum bpf_func_id___with {
	BPF_FUNC_loop___with = 181,
	BPF_FUNC_cgrp_storage_get___with = 210,
	BPF_FUNC_bpfship_gone___with = 9999,
};

#define HAS_GONE bpf_core_field_exists(struct task_struct___gone, bpfship_gone)
#define HAS_GONE_TOO bpf_core_field_exists(struct task_struct___gone, bpfship_gone_too)
#define HAS_NEW bpf_core_field_exists(struct task_struct___new, __state)
#define HAS_OLD bpf_core_field_exists(struct task_struct___old, state)
#define HAS_PID bpf_core_field_exists(struct task_struct, pid)
#define HAS_LOOP bpf_core_enum_value_exists(enum bpf_func_id___with, BPF_FUNC_loop___with)
#define HAS_CGRP_STORAGE bpf_core_enum_value_exists(enum bpf_func_id___with, BPF_FUNC_cgrp_storage_get___with)

static __always_inline long read_gone(void)
{
	struct task_struct___gone *task = (void *)bpf_get_current_task();

	return BPF_CORE_READ(task, bpfship_gone);
}

static __always_inline long read_new(void)
{
	struct task_struct___new *task = (void *)bpf_get_current_task();

	return BPF_CORE_READ(task, __state);
}

static __always_inline long read_old(void)
{
	struct task_struct___old *task = (void *)bpf_get_current_task();

	return BPF_CORE_READ(task, state);
}

static __always_inline long read_pid(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return BPF_CORE_READ(task, pid);
}

/* A number that neither compiler nor verifier knows. */
static __always_inline long unknown(void)
{
	return bpf_get_prandom_u32();
}

/* Keeps a condition from being folded into another. */
#define opaque(x)                                                                                                                  \
	({                                                                                                                         \
		typeof(x) opaque_ = (x);                                                                                           \
		asm volatile("" : "+r"(opaque_));                                                                                  \
		opaque_;                                                                                                           \
	})
