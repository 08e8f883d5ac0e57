// SPDX-License-Identifier: Apache-2.0
/* Guards by the shape of control flow: functions, loops, switches, merges. */
#include "idiom.h"

static __noinline int static_guard(void) { return opaque(HAS_GONE); }
static __noinline long static_reads(int allowed) { if (allowed) return read_gone(); return 0; }
static __noinline long static_reads_always(void) { return read_gone(); }
static __noinline long static_nested(int allowed) { return static_reads(allowed) + 1; }
static __noinline void static_out(int *result) { *result = HAS_GONE; }
__noinline int global_guard(int ignored) { return opaque(HAS_GONE); }
__noinline int global_reads(int allowed) { if (allowed) return read_gone(); return 0; }
__noinline int global_reads_guarded(int ignored) { if (HAS_GONE) return read_gone(); return ignored; }
__noinline int global_reads_always(int ignored) { return read_gone(); }
__noinline int global_nested(int ignored) { return global_reads_guarded(ignored) + static_reads(HAS_GONE); }

HOOK int ok_static_function(void *ctx) { if (static_guard()) return read_gone(); return 0; }
HOOK int bad_static_function_inverted(void *ctx) { if (!static_guard()) return read_gone(); return 0; }
HOOK int ok_static_argument(void *ctx) { return static_reads(0) + static_reads(HAS_GONE); }
HOOK int bad_static_argument(void *ctx) { return static_reads(HAS_GONE) + static_reads(HAS_PID); }
HOOK int bad_static_argument_unknown(void *ctx) { return static_reads(unknown()); }
HOOK int ok_static_nested(void *ctx) { return static_nested(HAS_GONE); }
HOOK int bad_static_nested(void *ctx) { return static_nested(HAS_PID); }
HOOK int ok_static_not_called(void *ctx) { if (HAS_GONE) return static_reads_always(); return 0; }
HOOK int bad_static_called(void *ctx) { return static_reads_always(); }
HOOK int ok_static_out_parameter(void *ctx) { int has = 1; static_out(&has); if (has) return read_gone(); return 0; }
HOOK int bad_global_function(void *ctx) { if (global_guard(0)) return read_gone(); return 0; }
HOOK int bad_global_argument(void *ctx) { return global_reads(0); }
HOOK int ok_global_guarded(void *ctx) { return global_reads_guarded(1); }
HOOK int dep_global_not_reached(void *ctx) { if (HAS_GONE) return global_reads_always(0); return 0; }
HOOK int bad_global_reached(void *ctx) { return global_reads_always(0); }
HOOK int ok_global_nested(void *ctx) { return global_nested(2); }

HOOK int ok_early_return(void *ctx) { if (!HAS_GONE) return 0; return read_gone(); }
HOOK int bad_early_return(void *ctx) { if (HAS_GONE) return 0; return read_gone(); }
HOOK int ok_goto(void *ctx)
{
	long sum = unknown();

	if (!HAS_GONE)
		goto out;
	sum += read_gone();
out:
	return sum;
}
HOOK int ok_nested(void *ctx) { if (unknown() & 1) { if (HAS_PID) { if (HAS_GONE) return read_gone(); return read_pid(); } } return 0; }
HOOK int bad_nested_one_path(void *ctx) { if (unknown() & 1) { if (HAS_GONE) return read_gone(); } else if (unknown() & 2) return read_gone(); return 0; }
HOOK int ok_ternary_pointer(void *ctx) { struct task_struct___gone *t = HAS_GONE ? (void *)bpf_get_current_task() : NULL; if (!t) return 0; return BPF_CORE_READ(t, bpfship_gone); }
HOOK int ok_after_call(void *ctx) { long has = HAS_GONE; long time = bpf_ktime_get_ns(); long random = unknown(); if (opaque(has)) return read_gone(); return time + random; }
HOOK int ok_phi(void *ctx) { int has; if (unknown() & 1) has = HAS_GONE; else has = HAS_GONE_TOO; if (opaque(has)) return read_gone(); return 0; }
HOOK int bad_phi(void *ctx) { int has; if (unknown() & 1) has = HAS_GONE; else has = HAS_PID; if (opaque(has)) return read_gone(); return 0; }
HOOK int ok_phi_both_zero(void *ctx) { long has = opaque((long)HAS_GONE); if (unknown() & 4) has = opaque((long)HAS_GONE_TOO); bpf_ktime_get_ns(); if (has) return read_gone(); return has; }

HOOK int ok_loop(void *ctx)
{
	long sum = 0;

#pragma clang loop unroll(disable)
	for (int i = 0; i < 8; i++) {
		if (HAS_GONE)
			sum += read_gone();
		sum += opaque(i);
	}
	return sum;
}
HOOK int bad_loop_last(void *ctx)
{
	long sum = 0;

#pragma clang loop unroll(disable)
	for (int i = 0; i < 8; i++) {
		if (opaque(i) == 7)
			sum += read_gone();
		sum += i;
	}
	return sum;
}
HOOK int ok_loop_never_reaches(void *ctx)
{
	long sum = 0;

#pragma clang loop unroll(disable)
	for (int i = 0; i < 8; i++) {
		if (opaque(i) == 8)
			sum += read_gone();
		sum += i;
	}
	return sum;
}
HOOK int ok_loop_count_from_guard(void *ctx)
{
	long sum = 0;
	int limit = HAS_GONE ? 4 : 0;

#pragma clang loop unroll(disable)
	for (int i = 0; i < opaque(limit); i++)
		sum += read_gone();
	return sum;
}
HOOK int bad_after_loop(void *ctx)
{
	long sum = 0;

#pragma clang loop unroll(disable)
	for (int i = 0; i < 16; i++)
		sum += opaque(i);
	if (sum == 120)
		return read_gone();
	return 0;
}
HOOK int ok_after_loop(void *ctx)
{
	long sum = 0;

#pragma clang loop unroll(disable)
	for (int i = 0; i < 16; i++)
		sum += opaque(i);
	if (sum != 120)
		return read_gone();
	return 0;
}
HOOK int ok_loop_break(void *ctx)
{
	long sum = 0;

#pragma clang loop unroll(disable)
	for (int i = 0; i < 100; i++) {
		if (!HAS_GONE)
			break;
		sum += read_gone() + opaque(i);
	}
	return sum;
}
HOOK int ok_loop_unknown_exit(void *ctx)
{
	long has = HAS_GONE;

#pragma clang loop unroll(disable)
	for (int i = 0; i < 10; i++)
		if (unknown() == opaque(i))
			break;
	if (opaque(has))
		return read_gone();
	return 0;
}
HOOK int ok_switch(void *ctx)
{
	switch (HAS_GONE * 2 + HAS_PID) {
	case 0: return 1;
	case 1: return read_pid();
	case 2: return read_gone();
	case 3: return read_gone() + 1;
	default: return 5;
	}
}
HOOK int bad_switch(void *ctx)
{
	switch (opaque(HAS_GONE * 2 + HAS_PID)) {
	case 0: return 1;
	case 1: return read_gone();
	case 2: return read_pid();
	case 7: return unknown();
	default: return 5;
	}
}
HOOK int bad_switch_unknown(void *ctx)
{
	switch (unknown() & 7) {
	case 0: return 1;
	case 3: return read_gone();
	case 5: return read_pid();
	default: return 5;
	}
}
HOOK int ok_switch_version(void *ctx)
{
	switch (LINUX_KERNEL_VERSION >> 16) {
	case 3: case 4: return read_gone();
	case 5: return read_pid();
	case 6: case 7: return read_new();
	default: return read_new() + 1;
	}
}
HOOK int ok_dead_after_assert(void *ctx) { long x = unknown() & 7; if (x > 7) return read_gone(); return x; }
HOOK int ok_dead_by_range(void *ctx) { __u64 x = (__u32)unknown(); x >>= 28; if (x >= 16) return read_gone(); return x; }
HOOK int ok_dead_by_shift(void *ctx) { __u64 x = (__u32)unknown(); if (x >> 32) return read_gone(); return x; }
HOOK int bad_by_range(void *ctx) { __u64 x = (__u32)unknown(); x >>= 28; if (x >= 15) return read_gone(); return x; }
HOOK int ok_dead_by_alignment(void *ctx) { __u64 x = (__u64)unknown() & ~3ull; if (opaque(x) & 1) return read_gone(); return x; }
HOOK int dep_same_unknown_twice(void *ctx) { __u64 x = (__u32)unknown(); asm volatile("" : "+r"(x)); if (x < 10) return 1; bpf_ktime_get_ns(); asm volatile("" : "+r"(x)); if (x < 10) return read_gone(); return 0; }
HOOK int dep_same_unknown_equal(void *ctx) { __u64 x = (__u32)unknown(); asm volatile("" : "+r"(x)); if (x == 10) return 1; bpf_ktime_get_ns(); asm volatile("" : "+r"(x)); if (x == 10) return read_gone(); return 0; }
HOOK int ok_zero_checked(void *ctx) { __u64 x = (__u32)unknown(); asm volatile("" : "+r"(x)); if (x != 3) return 1; bpf_ktime_get_ns(); asm volatile("" : "+r"(x)); if (x != 3) return read_gone(); return 0; }
HOOK int ok_never_negative(void *ctx) { long length = bpf_get_smp_processor_id(); if (length < 0) return read_gone(); return 0; }
HOOK int dep_helper_return(void *ctx) { char name[16]; long error = bpf_get_current_comm(name, sizeof(name)); if (error > 0) return read_gone(); return 0; }
HOOK int dep_helper_return_probe(void *ctx) { char text[16]; long length = bpf_probe_read_kernel_str(text, sizeof(text), ctx); if (length > 16) return read_gone(); return 0; }
HOOK int bad_helper_return(void *ctx) { char name[16]; long error = bpf_get_current_comm(name, sizeof(name)); if (error < 0) return read_gone(); return 0; }
