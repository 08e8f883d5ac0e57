// SPDX-License-Identifier: Apache-2.0
/* Fields of the kernel's in the values of maps, by the programs that refer to them. */
#include "idiom.h"

struct locked { struct bpf_spin_lock lock; int count; };
struct timed { struct bpf_timer timer; int count; };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct locked); } locks SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct timed); } timers SEC(".maps");

static __always_inline int lookup_lock(void) { __u32 zero = 0; struct locked *found = bpf_map_lookup_elem(&locks, &zero); return found ? found->count & 1 : 0; }
static __always_inline int lookup_timer(void) { __u32 zero = 0; struct timed *found = bpf_map_lookup_elem(&timers, &zero); return found ? found->count & 1 : 0; }

SEC("tc") int any_tc_lock(void *ctx) { return lookup_lock(); }
SEC("tc") int any_tc_timer(void *ctx) { return lookup_timer(); }
SEC("xdp") int any_xdp_lock(void *ctx) { return lookup_lock() ? XDP_PASS : XDP_DROP; }
SEC("socket") int bad_socket_lock(void *ctx) { return lookup_lock(); }
SEC("socket") int any_socket_timer(void *ctx) { return lookup_timer(); }
SEC("kprobe/vfs_read") int bad_kprobe_lock(void *ctx) { return lookup_lock(); }
SEC("kprobe/vfs_read") int dep_kprobe_timer(void *ctx) { return lookup_timer(); }
SEC("raw_tp/sched_switch") int bad_raw_tp_lock(void *ctx) { return lookup_lock(); }
SEC("raw_tp/sched_switch") int bad_raw_tp_lock_not_reached(void *ctx) { if (HAS_GONE) return lookup_lock(); return 0; }
SEC("tracepoint/sched/sched_switch") int dep_tracepoint_timer(void *ctx) { return lookup_timer(); }
SEC("perf_event") int bad_perf_lock(void *ctx) { return lookup_lock(); }
SEC("syscall") int dep_syscall_lock(void *ctx) { return lookup_lock(); }
SEC("lsm.s/file_open") int dep_lsm_sleepable_lock(void *ctx) { return lookup_lock() ? 0 : 0; }
SEC("raw_tp/sched_switch") int ok_neither(void *ctx) { return 0; }
