// SPDX-License-Identifier: Apache-2.0
/* Accesses to memory: bounds that verifiers follow, and bounds that they lose. */
#include "idiom.h"

struct entry { __u64 first; __u32 length; __u16 half; __u8 tiny; __u8 rest; char text[64]; __u32 slots[16]; };

struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4); __type(key, __u32); __type(value, struct entry); } entries SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, __u32); __type(value, struct entry); } array SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct entry); } scratch SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __uint(key_size, 4); __uint(value_size, 4); __uint(max_entries, 128); } output SEC(".maps");

__u32 slots[32];
__u32 chosen;
const volatile __u32 limit = 8;
const volatile bool flag_off = false;

#define ENTRY(map) ({ __u32 key_ = 0; struct entry *entry_ = bpf_map_lookup_elem(&map, &key_); if (!entry_) return 0; entry_; })
/* Keeps the compiler from knowing what a value is, or that it is the same as another. */
#define hide(x) asm volatile("" : "+r"(x))

/* Bounds on the whole number. */
HOOK int ok_bound_64(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = bpf_ktime_get_ns(); if (i > 15) return 0; hide(i); return e->slots[i]; }
HOOK int ok_bound_mask(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = bpf_ktime_get_ns() & 15; hide(i); return e->slots[i]; }
HOOK int ok_bound_shift(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = bpf_ktime_get_ns() >> 60; hide(i); return e->slots[i]; }
HOOK int ok_bound_32(void *ctx) { struct entry *e = ENTRY(entries); __u32 i = unknown(); if (i > 15) return 0; hide(i); return e->slots[i]; }
HOOK int bad_bound_none(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = bpf_ktime_get_ns(); hide(i); return e->slots[i]; }
HOOK int bad_bound_too_high(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = bpf_ktime_get_ns(); if (i > 16) return 0; hide(i); return e->slots[i]; }
HOOK int bad_bound_mask_too_wide(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = bpf_ktime_get_ns() & 31; hide(i); return e->slots[i]; }
HOOK int bad_bound_signed(void *ctx) { struct entry *e = ENTRY(entries); long i = bpf_ktime_get_ns(); if (i > 15) return 0; hide(i); return e->slots[i]; }
HOOK int ok_bound_signed_both(void *ctx) { struct entry *e = ENTRY(entries); long i = bpf_ktime_get_ns(); if (i > 15 || i < 0) return 0; hide(i); return e->slots[i]; }
HOOK int bad_bound_negative(void *ctx) { struct entry *e = ENTRY(entries); long i = bpf_ktime_get_ns(); if (i > 15 || i < -1) return 0; hide(i); return e->slots[i]; }
HOOK int any_bound_negative_inside(void *ctx) { struct entry *e = ENTRY(entries); long i = bpf_ktime_get_ns(); if (i > 11 || i < -2) return 0; hide(i); return e->slots[i + 4]; }
HOOK int ok_bound_equal(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = bpf_ktime_get_ns(); if (i != 7) return 0; hide(i); return e->slots[i]; }
HOOK int bad_bound_not_equal(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = bpf_ktime_get_ns(); if (i == 7) return 0; hide(i); return e->slots[i]; }
HOOK int ok_bound_asked_twice(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = bpf_ktime_get_ns(); bool small = i < 16; if (small) bpf_get_current_pid_tgid(); hide(i); if (i < 16) return e->slots[i]; return 0; }
HOOK int ok_bound_by_other(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = bpf_ktime_get_ns(), j = unknown() & 15; hide(i); hide(j); if (i > j) return 0; hide(i); return e->slots[i]; }
HOOK int any_bound_equal_other(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = bpf_ktime_get_ns(), j = unknown() & 15; hide(i); hide(j); if (i != j) return 0; hide(i); return e->slots[i]; }
HOOK int ok_bound_by_rodata(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = bpf_ktime_get_ns(); if (i > limit) return 0; hide(i); return e->slots[i]; }
HOOK int ok_bound_loop(void *ctx)
{
	struct entry *e = ENTRY(entries);
	long sum = 0;

#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < 16; i++) { sum += e->slots[i]; hide(sum); }
	return sum;
}
HOOK int bad_bound_loop(void *ctx)
{
	struct entry *e = ENTRY(entries);
	long sum = 0;

#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < 17; i++) { __u32 at = i; hide(at); sum += e->slots[at]; hide(sum); }
	return sum;
}
HOOK int ok_bound_never(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = bpf_ktime_get_ns(); hide(i); if (flag_off) return e->slots[i]; return 0; }
HOOK int ok_bound_dead_range(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = bpf_ktime_get_ns(), j = i & 7; hide(j); hide(i); if (j > 8) return e->slots[i]; return 0; }

/* Links between registers. */
HOOK int ok_link_copy(void *ctx) { struct entry *e = ENTRY(entries); __u64 r; asm volatile("call 5\n r8 = r0\n if r0 > 15 goto +1\n goto +1\n r8 = 0\n %0 = r8" : "=r"(r) : : "r0", "r1", "r2", "r3", "r4", "r5", "r8"); return e->slots[r]; }
HOOK int bad_link_copy_and(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = bpf_ktime_get_ns(), j = i; hide(j); hide(i); j &= 255; hide(j); if (j > 15) return 0; i &= 255; hide(i); return e->slots[i]; }
HOOK int any_link_add(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = bpf_ktime_get_ns(), j; asm volatile("%0 = %1\n %0 += 1" : "=r"(j) : "r"(i)); if (j > 15) return 0; hide(i); return e->slots[i & 0xffffffff]; }
HOOK int any_link_add_back(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = unknown(), j = i & 0xff; hide(j); __u64 k = j + 3; asm volatile("" : "+r"(k)); if (k > 15) return 0; return e->slots[k]; }
HOOK int any_link_narrow(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = bpf_ktime_get_ns(); __u32 j = i; hide(j); if (j > 15) return 0; hide(i); return e->slots[(__u32)i]; }
HOOK int bad_link_narrow_whole(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = bpf_ktime_get_ns(); __u32 j = i; hide(j); if (j > 15) return 0; hide(i); return e->slots[i]; }
HOOK int any_link_spill(void *ctx) { struct entry *e = ENTRY(entries); volatile __u64 spilled = bpf_ktime_get_ns(); __u64 i = spilled; if (i > 15) return 0; return e->slots[spilled]; }
HOOK int ok_link_spill_after(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = bpf_ktime_get_ns(); if (i > 15) return 0; volatile __u64 spilled = i; bpf_get_current_pid_tgid(); return e->slots[spilled]; }
HOOK int any_link_spill_32(void *ctx) { struct entry *e = ENTRY(entries); __u32 i = unknown(); if (i > 15) return 0; volatile __u32 spilled = i; bpf_get_current_pid_tgid(); return e->slots[spilled]; }
HOOK int any_link_spill_8(void *ctx) { struct entry *e = ENTRY(entries); __u32 i = unknown(); if (i > 15) return 0; volatile __u8 spilled = i; bpf_get_current_pid_tgid(); return e->slots[spilled]; }
HOOK int bad_link_reload(void *ctx) { struct entry *e = ENTRY(entries); volatile __u32 *length = &e->length; if (*length > 15) return 0; return e->slots[*length]; }
HOOK int bad_link_global(void *ctx) { volatile __u32 *c = &chosen; if (*c > 31) return 0; return slots[*c]; }
HOOK int ok_link_global_once(void *ctx) { __u32 c = *(volatile __u32 *)&chosen; if (c > 31) return 0; return slots[c]; }
HOOK int bad_global_none(void *ctx) { __u32 c = *(volatile __u32 *)&chosen; hide(c); return slots[c]; }
HOOK int bad_global_beyond(void *ctx) { __u32 c = *(volatile __u32 *)&chosen & 255; hide(c); return slots[c]; }

/* Arithmetic. */
HOOK int any_divide(void *ctx) { __u32 c = *(volatile __u32 *)&chosen; c /= 200; if (c > 24) c = 24; hide(c); return slots[c]; }
HOOK int any_divide_64(void *ctx) { __u64 c = bpf_ktime_get_ns(); c /= 1000000; if (c > 24) c = 24; hide(c); return slots[c]; }
HOOK int any_divide_only(void *ctx) { __u32 c = *(volatile __u8 *)&chosen; c /= 8; hide(c); return slots[c]; }
HOOK int any_modulo(void *ctx) { __u32 c = *(volatile __u32 *)&chosen; c %= 32; hide(c); return slots[c]; }
HOOK int any_modulo_odd(void *ctx) { __u32 c = *(volatile __u32 *)&chosen; c %= 31; hide(c); return slots[c]; }
HOOK int ok_multiply(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = unknown() & 3; hide(i); i *= 3; hide(i); return e->slots[i]; }
HOOK int any_multiply_32(void *ctx) { struct entry *e = ENTRY(entries); __u32 i = unknown() & 3; hide(i); i *= 3; hide(i); return e->slots[i]; }
HOOK int bad_multiply(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = unknown() & 7; hide(i); i *= 3; hide(i); return e->slots[i]; }
HOOK int any_subtract(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = unknown() & 7; hide(i); i = 15 - i; hide(i); return e->slots[i]; }
HOOK int bad_subtract(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = unknown() & 15; hide(i); i = 7 - i; hide(i); return e->slots[i]; }
HOOK int any_or(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = unknown() & 8, j = bpf_ktime_get_ns() & 7; hide(i); hide(j); i |= j; hide(i); return e->slots[i]; }
HOOK int any_xor(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = unknown() & 8, j = bpf_ktime_get_ns() & 7; hide(i); hide(j); i ^= j; hide(i); return e->slots[i]; }
HOOK int any_swap_16(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = __builtin_bswap16(*(volatile __u16 *)&e->half); hide(i); if (i > 15) return 0; return e->slots[i]; }
HOOK int any_swap_mask(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = __builtin_bswap16(*(volatile __u16 *)&e->half) & 15; hide(i); return e->slots[i]; }
HOOK int any_sign_byte(void *ctx) { struct entry *e = ENTRY(entries); long i = *(volatile signed char *)&e->tiny; if (i < 0 || i > 15) return 0; hide(i); return e->slots[i]; }
HOOK int bad_sign_byte(void *ctx) { struct entry *e = ENTRY(entries); long i = *(volatile signed char *)&e->tiny; if (i > 15) return 0; hide(i); return e->slots[i]; }
HOOK int any_sign_int(void *ctx) { struct entry *e = ENTRY(entries); int i = *(volatile int *)&e->length; if (i < 0 || i > 15) return 0; hide(i); return e->slots[i]; }
HOOK int bad_sign_int(void *ctx) { struct entry *e = ENTRY(entries); int i = *(volatile int *)&e->length; if (i > 15) return 0; hide(i); return e->slots[i]; }
HOOK int any_shift_pair(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = bpf_ktime_get_ns(); i <<= 32; hide(i); i >>= 60; hide(i); return e->slots[i]; }
HOOK int any_shift_unknown(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = 15, by = unknown() & 3; hide(i); hide(by); i >>= by; hide(i); return e->slots[i]; }
HOOK int any_minimum(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = bpf_ktime_get_ns(), m = i < 15 ? i : 15; hide(m); return e->slots[m]; }
HOOK int any_negate(void *ctx) { struct entry *e = ENTRY(entries); long i = -(long)(unknown() & 15); hide(i); i += 15; hide(i); return e->slots[i]; }

/* Constant places. */
HOOK int bad_constant_beyond(void *ctx) { struct entry *e = ENTRY(entries); long i = sizeof(*e); hide(i); return *((char *)e + i); }
HOOK int ok_constant_last(void *ctx) { struct entry *e = ENTRY(entries); long i = sizeof(*e) - 1; hide(i); return *((char *)e + i); }
HOOK int bad_constant_before(void *ctx) { struct entry *e = ENTRY(entries); long i = -1; hide(i); return *((char *)e + i); }
HOOK int bad_constant_straddles(void *ctx) { struct entry *e = ENTRY(entries); long i = sizeof(*e) - 4; hide(i); return *(__u64 *)((char *)e + i); }
HOOK int bad_pieces(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = unknown() & 63, j = bpf_ktime_get_ns() & 127; hide(i); hide(j); char *p = (char *)e + i; hide(p); p += j; hide(p); return *p; }
HOOK int ok_pieces(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = unknown() & 63, j = bpf_ktime_get_ns() & 63; hide(i); hide(j); char *p = (char *)e + i; hide(p); p += j; hide(p); return *p; }
HOOK int bad_store(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = unknown() & 31; hide(i); e->slots[i] = 1; return 0; }
HOOK int bad_atomic(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = unknown() & 31; hide(i); __sync_fetch_and_add(&e->slots[i], 1); return 0; }

/* Sizes that helpers get. */
HOOK int ok_size(void *ctx) { struct entry *e = ENTRY(entries); __u64 n = bpf_ktime_get_ns(); if (n > sizeof(e->text)) return 0; hide(n); return bpf_probe_read_kernel(e->text, n, (void *)8); }
HOOK int ok_size_mask(void *ctx) { struct entry *e = ENTRY(entries); __u64 n = bpf_ktime_get_ns() & 63; hide(n); return bpf_probe_read_kernel(e->text, n, (void *)8); }
HOOK int bad_size_none(void *ctx) { struct entry *e = ENTRY(entries); __u64 n = bpf_ktime_get_ns(); hide(n); return bpf_probe_read_kernel(e->text, n, (void *)8); }
HOOK int bad_size_32(void *ctx) { struct entry *e = ENTRY(entries); __u32 n = unknown(); hide(n); return bpf_probe_read_kernel(e->text, n, (void *)8); }
HOOK int bad_size_int(void *ctx) { struct entry *e = ENTRY(entries); int n = *(volatile int *)&e->length; if (n > 64) return 0; hide(n); return bpf_probe_read_kernel(e->text, (long)n, (void *)8); }
HOOK int bad_size_beyond(void *ctx) { struct entry *e = ENTRY(entries); __u64 n = bpf_ktime_get_ns() & 255; hide(n); return bpf_probe_read_kernel(e->text, n, (void *)8); }
HOOK int bad_size_constant(void *ctx) { struct entry *e = ENTRY(entries); __u64 n = sizeof(*e) + 1; hide(n); return bpf_probe_read_kernel(e, n, (void *)8); }
HOOK int bad_size_stack(void *ctx) { char text[32]; __u64 n = bpf_ktime_get_ns() & 63; hide(n); return bpf_probe_read_kernel(text, n, (void *)8); }
HOOK int ok_size_stack(void *ctx) { char text[32]; __u64 n = bpf_ktime_get_ns() & 31; hide(n); return bpf_probe_read_kernel(text, n, (void *)8); }
HOOK int ok_size_output(void *ctx) { struct entry *e = ENTRY(scratch); __u64 n = e->length; if (n > sizeof(*e)) return 0; hide(n); return bpf_perf_event_output(ctx, &output, BPF_F_CURRENT_CPU, e, n); }
HOOK int bad_size_output(void *ctx) { struct entry *e = ENTRY(scratch); __u64 n = e->length; if (n > 2 * sizeof(*e)) return 0; hide(n); return bpf_perf_event_output(ctx, &output, BPF_F_CURRENT_CPU, e, n); }
HOOK int bad_size_output_word(void *ctx) { struct entry *e = ENTRY(scratch); __u64 n = e->half; hide(n); return bpf_perf_event_output(ctx, &output, BPF_F_CURRENT_CPU, e, n); }
HOOK int any_size_by_string(void *ctx) { struct entry *e = ENTRY(scratch); long n = bpf_probe_read_kernel_str(e->text, sizeof(e->text), (void *)8); if (n < 0) return 0; hide(n); return bpf_perf_event_output(ctx, &output, BPF_F_CURRENT_CPU, e, 16 + n); }
HOOK int any_size_by_string_unchecked(void *ctx) { struct entry *e = ENTRY(scratch); long n = bpf_probe_read_kernel_str(e->text, sizeof(e->text), (void *)8); hide(n); return bpf_perf_event_output(ctx, &output, BPF_F_CURRENT_CPU, e, 16 + n); }
HOOK int any_size_by_string_next(void *ctx) { struct entry *e = ENTRY(scratch); long n = bpf_probe_read_kernel_str(e->text, 32, (void *)8); if (n < 0) return 0; hide(n); return bpf_probe_read_kernel_str(e->text + n, 32, (void *)8); }
HOOK int any_size_by_string_cut(void *ctx) { struct entry *e = ENTRY(scratch); __u32 n = bpf_probe_read_kernel_str(e->text, 32, (void *)8); if (n > 32) return 0; hide(n); return bpf_probe_read_kernel_str(e->text + n, 32, (void *)8); }
HOOK int bad_size_read(void *ctx) { struct entry *e = ENTRY(scratch); __u32 n; bpf_probe_read_kernel(&n, sizeof(n), (void *)8); hide(n); return bpf_probe_read_kernel(e->text, n, (void *)8); }
HOOK int ok_size_read(void *ctx) { struct entry *e = ENTRY(scratch); __u32 n; bpf_probe_read_kernel(&n, sizeof(n), (void *)8); n &= 63; hide(n); return bpf_probe_read_kernel(e->text, n, (void *)8); }
HOOK int any_size_relocated(void *ctx) { struct entry *e = ENTRY(scratch); __u64 n = bpf_core_field_size(((struct task_struct *)0)->comm); hide(n); return bpf_probe_read_kernel(e->text, n, (void *)8); }
HOOK int any_place_relocated(void *ctx) { struct entry *e = ENTRY(scratch); __u64 n = bpf_core_field_size(((struct task_struct *)0)->comm); hide(n); return e->text[n]; }
HOOK int ok_key(void *ctx) { struct entry *e = ENTRY(entries); struct entry *other = bpf_map_lookup_elem(&entries, &e->length); return other ? other->half : 0; }
HOOK int bad_key_beyond(void *ctx) { struct entry *e = ENTRY(entries); long i = sizeof(*e) - 2; hide(i); struct entry *other = bpf_map_lookup_elem(&entries, (char *)e + i); return other ? other->half : 0; }
HOOK int bad_value_beyond(void *ctx) { struct entry *e = ENTRY(entries); long i = 8; __u32 key = 1; hide(i); return bpf_map_update_elem(&entries, &key, (char *)e + i, 0); }

/* The stack. */
HOOK int any_stack_place(void *ctx) { char text[32] = {}; __u64 i = unknown() & 31; hide(i); text[i] = 1; hide(i); return text[i]; }
HOOK int bad_stack_place(void *ctx) { char text[32] = {}; __u64 i = unknown() & 1023; hide(i); text[i] = 1; return text[0]; }
HOOK int bad_stack_place_none(void *ctx) { char text[32] = {}; __u64 i = bpf_ktime_get_ns(); hide(i); text[i] = 1; return text[0]; }
HOOK int bad_stack_beyond(void *ctx) { char text[32] = {}; long i = 64; hide(i); text[i] = 1; return text[0]; }

/* Pointers may only be added to. Clang writes `|=` by itself where both have no bit in common. */
HOOK int bad_stack_joined(void *ctx) { char text[32] __attribute__((aligned(32))) = {}; __u64 i = bpf_ktime_get_ns() & 15; char *at = text; hide(i); asm volatile("%0 |= %1" : "+r"(at) : "r"(i)); return *at; }
HOOK int bad_global_joined(void *ctx) { static char table[64] __attribute__((aligned(64))); __u64 i = bpf_ktime_get_ns() & 63; char *at = table; hide(i); asm volatile("%0 |= %1" : "+r"(at) : "r"(i)); *at = 1; return *at; }
HOOK int bad_stack_masked(void *ctx) { char text[32] __attribute__((aligned(32))) = {}; __u64 i = bpf_ktime_get_ns() & 15; char *at = text; asm volatile("%0 += %1; %0 &= -8" : "+r"(at) : "r"(i)); return *at; }
HOOK int ok_number_joined(void *ctx) { __u64 i = bpf_ktime_get_ns(), j = bpf_get_prandom_u32(); asm volatile("%0 |= %1" : "+r"(i) : "r"(j)); return i & 1; }

/* Where the kernel decides. */
HOOK int ok_guarded_gone(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = bpf_ktime_get_ns(); hide(i); if (HAS_GONE) return e->slots[i]; return 0; }
HOOK int bad_guarded_pid(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = bpf_ktime_get_ns(); hide(i); if (HAS_PID) return e->slots[i]; return 0; }
HOOK int old_guarded_new(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = bpf_ktime_get_ns(); hide(i); if (HAS_NEW) return e->slots[i]; return 0; }
HOOK int new_guarded_new(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = bpf_ktime_get_ns(); hide(i); if (!HAS_NEW) return e->slots[i]; return 0; }
HOOK int new_guarded_bound(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = bpf_ktime_get_ns(); if (HAS_LOOP) i &= 15; hide(i); return e->slots[i]; }
HOOK int ok_guarded_both(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = bpf_ktime_get_ns(); if (HAS_LOOP) i &= 15; else i &= 7; hide(i); return e->slots[i]; }
HOOK int bad_guarded_either(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = bpf_ktime_get_ns(); if (HAS_LOOP) bpf_get_current_pid_tgid(); hide(i); return e->slots[i]; }
HOOK int ok_guarded_twice(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = bpf_ktime_get_ns(); if (HAS_LOOP) i &= 15; hide(i); if (HAS_LOOP) return e->slots[i]; return 0; }

/* Functions of the program. */
static __noinline long element(struct entry *e, __u64 i) { hide(i); return e->slots[i]; }
HOOK int ok_called(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = bpf_ktime_get_ns() & 15; return element(e, i); }
HOOK int bad_called(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = bpf_ktime_get_ns() & 31; return element(e, i); }
static __noinline __u64 bounded(__u64 i) { hide(i); return i > 15 ? 0 : i; }
HOOK int ok_returned(void *ctx) { struct entry *e = ENTRY(entries); return e->slots[bounded(bpf_ktime_get_ns())]; }
static __noinline __u64 loosely(__u64 i) { hide(i); return i > 31 ? 0 : i; }
HOOK int bad_returned(void *ctx) { struct entry *e = ENTRY(entries); return e->slots[loosely(bpf_ktime_get_ns())]; }

/* What is asked again, and can only have one answer. */
HOOK int any_again_equal(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = bpf_ktime_get_ns(), j = unknown(); hide(i); if (i != 5) bpf_get_current_pid_tgid(); else j = 5; hide(i); if (i == 5 && j != 5) return e->slots[i + 20]; return 0; }
HOOK int any_again_not_equal(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = bpf_ktime_get_ns(); hide(i); if (i == 5) return 0; bpf_get_current_pid_tgid(); hide(i); if (i == 5) return e->slots[i + 20]; return 0; }
HOOK int any_again_not_equal_32(void *ctx) { struct entry *e = ENTRY(entries); __u32 i = unknown(); hide(i); if (i == 5) return 0; bpf_get_current_pid_tgid(); hide(i); if (i == 5) return e->slots[i + 20]; return 0; }
HOOK int ok_again_not_zero(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = bpf_ktime_get_ns(); hide(i); if (i == 0) return 0; bpf_get_current_pid_tgid(); hide(i); if (i == 0) return 1; return 2; }
HOOK int any_again_array(void *ctx) { __u32 key = 0; struct entry *e = bpf_map_lookup_elem(&array, &key); __u64 i = bpf_ktime_get_ns(); hide(i); if (!e) return slots[i]; return e->half; }
HOOK int bad_again_hash(void *ctx) { __u32 key = 0; struct entry *e = bpf_map_lookup_elem(&entries, &key); __u64 i = bpf_ktime_get_ns(); hide(i); if (!e) return slots[i]; return e->half; }
HOOK int any_again_bits(void *ctx) { struct entry *e = ENTRY(entries); __u64 i = bpf_ktime_get_ns(); hide(i); if (i & 8) return 0; bpf_get_current_pid_tgid(); hide(i); if (i & 8) return e->slots[i]; return 0; }
