// SPDX-License-Identifier: Apache-2.0
/* Helpers that a kernel lacks, callbacks and tail calls. */
#include "idiom.h"

static long (*bpfship_gone_helper)(void) = (void *)9999;
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, __u32); __type(value, __u64); } array SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(max_entries, 2); __uint(key_size, 4); __uint(value_size, 4); } jumps SEC(".maps");

struct bpf_map;
static long count(__u32 index, void *sum) { *(__u64 *)sum += index; return 0; }
static long reads_gone(__u32 index, void *sum) { *(__u64 *)sum += read_gone(); return 0; }
static long reads_gone_guarded(__u32 index, void *sum) { if (HAS_GONE) *(__u64 *)sum += read_gone(); return 0; }
static long stores_guard(__u32 index, void *has) { *(__u64 *)has = HAS_GONE; return 0; }
static long each(struct bpf_map *map, __u32 *key, __u64 *value, void *sum) { if (HAS_GONE) *(__u64 *)sum += read_gone(); return 0; }
static long each_reads_gone(struct bpf_map *map, __u32 *key, __u64 *value, void *sum) { *(__u64 *)sum += read_gone(); return 0; }

HOOK int ok_helper_missing(void *ctx) { if (bpf_core_enum_value_exists(enum bpf_func_id___with, BPF_FUNC_bpfship_gone___with)) return bpfship_gone_helper(); return 0; }
HOOK int bad_helper_missing(void *ctx) { return bpfship_gone_helper(); }
HOOK int bad_helper_missing_inverted(void *ctx) { if (!bpf_core_enum_value_exists(enum bpf_func_id___with, BPF_FUNC_bpfship_gone___with)) return bpfship_gone_helper(); return 0; }
HOOK int new_helper(void *ctx) { return bpf_get_attach_cookie(ctx); }
HOOK int dep_helper_of_other_type(void *ctx) { if (HAS_LOOP) return 0; return bpf_get_socket_cookie(ctx); }
HOOK int bad_helper_of_other_type(void *ctx) { return bpf_skb_load_bytes(ctx, 0, &ctx, 4); }
HOOK int ok_helper_of_other_type_guarded(void *ctx) { if (HAS_GONE) return bpf_skb_load_bytes(ctx, 0, &ctx, 4); return 0; }
HOOK int new_loop(void *ctx) { __u64 sum = 0; bpf_loop(4, count, &sum, 0); return sum; }
HOOK int ok_loop_or_not(void *ctx) { __u64 sum = 0; if (HAS_LOOP) bpf_loop(4, count, &sum, 0); return sum; }
HOOK int bad_callback(void *ctx) { __u64 sum = 0; if (HAS_LOOP) bpf_loop(4, reads_gone, &sum, 0); else sum = read_gone(); return sum; }
HOOK int dep_callback(void *ctx) { __u64 sum = 0; if (HAS_LOOP) bpf_loop(4, reads_gone, &sum, 0); return sum; }
HOOK int ok_callback_guarded(void *ctx) { __u64 sum = 0; if (HAS_LOOP) bpf_loop(4, reads_gone_guarded, &sum, 0); return sum; }
HOOK int dep_callback_zero_times(void *ctx) { __u64 sum = 0; if (HAS_LOOP) bpf_loop(0, reads_gone, &sum, 0); return sum; }
HOOK int dep_callback_not_reached(void *ctx) { __u64 sum = 0; if (HAS_GONE) bpf_loop(4, reads_gone, &sum, 0); return sum; }
HOOK int dep_callback_result(void *ctx) { __u64 has = 0; if (HAS_LOOP) bpf_loop(4, stores_guard, &has, 0); if (has) return read_gone(); return 0; }
HOOK int dep_after_callback(void *ctx) { __u64 sum = 0; long has = HAS_GONE; if (HAS_LOOP) bpf_loop(4, count, &sum, 0); if (opaque(has)) return read_gone(); return sum; }
HOOK int dep_loop_return(void *ctx) { __u64 sum = 0; long n = 0; if (HAS_LOOP) n = bpf_loop(4, count, &sum, 0); if (n > 4) return read_gone(); return sum; }
HOOK int new_for_each(void *ctx) { __u64 sum = 0; bpf_for_each_map_elem(&array, each, &sum, 0); return sum; }
HOOK int bad_for_each(void *ctx) { __u64 sum = 0; bpf_for_each_map_elem(&array, each_reads_gone, &sum, 0); return sum; }
HOOK int ok_tail_call_target(void *ctx) { bpf_tail_call(ctx, &jumps, 0); return read_pid(); }
HOOK int bad_after_tail_call(void *ctx) { bpf_tail_call(ctx, &jumps, 0); return read_gone(); }
HOOK int ok_tail_call_guarded(void *ctx) { if (HAS_GONE) { bpf_tail_call(ctx, &jumps, 0); return read_gone(); } return 0; }
HOOK int ok_read_kernel_or_not(void *ctx) { char text[8]; if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_probe_read_kernel)) bpf_probe_read_kernel(text, 8, ctx); else bpf_probe_read(text, 8, ctx); return text[0]; }
HOOK int ok_ringbuf_or_perf(void *ctx) { if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_ringbuf_output)) return 0; return read_gone(); }

SEC("kprobe/do_unlinkat") int new_kprobe_cookie(struct pt_regs *ctx) { return bpf_get_attach_cookie(ctx); }
SEC("kprobe/do_unlinkat") int ok_kprobe_cookie_maybe(struct pt_regs *ctx) { if (HAS_LOOP) return bpf_get_attach_cookie(ctx); return 0; }
SEC("kprobe/do_unlinkat") int bad_kprobe_gone(struct pt_regs *ctx) { return read_gone(); }
SEC("tracepoint/sched/sched_switch") int ok_tracepoint_guarded(void *ctx) { if (HAS_GONE) return read_gone(); return 0; }
SEC("fentry/do_unlinkat") int ok_fentry_guarded(__u64 *ctx) { if (HAS_GONE) return read_gone(); return 0; }
SEC("fentry/bpfship_no_such_function") int bad_fentry_target(__u64 *ctx) { return 0; }
SEC("lsm/file_open") int ok_lsm_guarded(__u64 *ctx) { if (HAS_GONE) return read_gone() ? -1 : 0; return 0; }
SEC("lsm/bpfship_no_such_hook") int bad_lsm_target(__u64 *ctx) { return 0; }
SEC("xdp") int bad_xdp_gone(void *ctx) { if (HAS_PID) return bpf_core_field_offset(struct task_struct___gone, bpfship_gone) ? XDP_PASS : XDP_DROP; return XDP_PASS; }
SEC("xdp") int ok_xdp_guarded(void *ctx) { if (HAS_GONE) return bpf_core_field_offset(struct task_struct___gone, bpfship_gone) ? XDP_PASS : XDP_DROP; return XDP_PASS; }
