// SPDX-License-Identifier: Apache-2.0
/* What clang 14 cannot write: type matches, instructions of v4 (by the flavour), open-coded iterators. Empty for older compilers. */
#include "idiom.h"

#if __clang_major__ >= 17
struct task_struct___match { int pid; int tgid; } core;
struct task_struct___no_match { long pid; } core;
struct task_struct___no_match_name { int pid; int bpfship_gone; } core;
enum bpf_map_type___match { BPF_MAP_TYPE_HASH___match = 1, };
struct bpf_iter_num___core { __u64 opaque[1]; } core;

extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __ksym __weak;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __ksym __weak;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __ksym __weak;
extern void *bpf_rdonly_cast(const void *obj, __u32 id) __ksym __weak;
struct bpf_iter_num { __u64 opaque[1]; } __attribute__((aligned(8)));

HOOK int ok_type_matches(void *ctx) { if (bpf_core_type_matches(struct task_struct___no_match_name)) return read_gone(); return 0; }
HOOK int ok_type_matches_size(void *ctx) { if (bpf_core_type_matches(struct task_struct___no_match)) return read_gone(); return 0; }
HOOK int bad_type_matches(void *ctx) { if (bpf_core_type_matches(struct task_struct___match)) return read_gone(); return 0; }
HOOK int bad_type_matches_inverted(void *ctx) { if (!bpf_core_type_matches(struct task_struct___no_match_name)) return read_gone(); return 0; }
HOOK int ok_enum_matches(void *ctx) { if (!bpf_core_type_matches(enum bpf_map_type___match)) return read_gone(); return 0; }
HOOK int ok_ksym_exists(void *ctx) { if (bpf_ksym_exists(bpf_iter_num_new)) return 0; if (HAS_CGRP_STORAGE) return 0; return read_pid(); }
SEC("tp_btf/sched_switch") int ok_iterator_maybe(void *ctx)
{
	struct bpf_iter_num it;
	int *i, sum = 0;

	if (!bpf_ksym_exists(bpf_iter_num_new))
		return 0;
	bpf_iter_num_new(&it, 0, 4);
	while ((i = bpf_iter_num_next(&it)))
		sum += *i;
	bpf_iter_num_destroy(&it);
	return sum;
}
SEC("tp_btf/sched_switch") int bad_after_iterator(void *ctx)
{
	struct bpf_iter_num it;
	int *i, sum = 0;

	if (!bpf_ksym_exists(bpf_iter_num_new))
		return read_gone();
	bpf_iter_num_new(&it, 0, 4);
	while ((i = bpf_iter_num_next(&it)))
		sum += *i;
	bpf_iter_num_destroy(&it);
	return sum + read_gone();
}
SEC("tp_btf/sched_switch") int ok_guard_in_iterator(void *ctx)
{
	struct bpf_iter_num it;
	long has = HAS_GONE, sum = 0;

	if (!bpf_ksym_exists(bpf_iter_num_new))
		return 0;
	bpf_iter_num_new(&it, 0, 4);
	while (bpf_iter_num_next(&it))
		if (opaque(has))
			sum += read_gone();
	bpf_iter_num_destroy(&it);
	return sum;
}
#if __BPF_CPU_VERSION__ >= 4
HOOK int dep_signed_divide(void *ctx) { __s64 x = -(__s64)opaque((__s64)HAS_PID); return opaque(x) / 2; }
#endif
HOOK int dep_sign_extend(void *ctx) { __s64 x = (__s8)opaque((__u8)(HAS_PID * 200)); if (x > 0) return read_gone(); return 0; }
HOOK int dep_byte_swap_32(void *ctx) { __u32 x = __builtin_bswap32(opaque((__u32)HAS_GONE)); if (x) return read_gone(); return 0; }
#if __clang_major__ >= 19
HOOK int dep_may_goto(void *ctx)
{
	long sum = 0;

	for (long i = 0; i < 1000; i++) {
		asm volatile goto("may_goto %l[out]" : : : : out);
		sum += opaque(i);
	}
out:
	return sum;
}
HOOK int dep_may_goto_guard(void *ctx)
{
	long has = HAS_GONE, sum = 0;

	for (long i = 0; i < 1000; i++) {
		asm volatile goto("may_goto %l[out]" : : : : out);
		if (opaque(has))
			sum += read_gone();
	}
out:
	return sum;
}
#endif
#endif
HOOK int any_nothing(void *ctx) { return 0; }
