/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the variants of xdp-guard have in common. A variant first includes its way to send events (send-*.h), then this file, and gives
 * guard_packet() the packet's whole length. COUNT_DROPPED_BYTES adds one counter (version 1.1.0).
 */
#ifndef XDP_GUARD_H
#define XDP_GUARD_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "blocklist.h"
#include "counters.h"
#include "events.h"

char LICENSE[] SEC("license") = "GPL";

#define NANOSECONDS_PER_SECOND 1000000000ULL
#define EVENTS_PER_SECOND 10 /* for each CPU: a flood must not become a flood of events */

/* The newest packet that this CPU dropped, and how many events it has sent in the second that began at `begin_ns`. */
struct drop_state {
	__u64 begin_ns;
	__u64 sent;
	struct drop_event newest;
};

/* A value of this map is also what brings struct drop_event into the object's BTF, by which readers decode. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct drop_state);
} drop_states SEC(".maps");

static __always_inline int may_send_event(struct drop_state *state)
{
	__u64 now = state->newest.timestamp_ns;

	if (now - state->begin_ns >= NANOSECONDS_PER_SECOND) {
		state->begin_ns = now;
		state->sent = 0;
	}
	if (state->sent >= EVENTS_PER_SECOND)
		return 0;
	state->sent++;
	return 1;
}

static __always_inline void report_drop(struct xdp_md *ctx, __u64 length, const struct drop_event *drop)
{
	__u32 zero = 0;
	struct drop_state *state = bpf_map_lookup_elem(&drop_states, &zero);

	if (!state)
		return;
	state->newest = *drop;
	state->newest.timestamp_ns = bpf_ktime_get_ns();
	state->newest.ifindex = ctx->ingress_ifindex;
	state->newest.length = length;
	if (may_send_event(state))
		send_event(ctx, &drops, &state->newest, sizeof(state->newest));
}

static __always_inline int guard_packet(struct xdp_md *ctx, __u64 length)
{
	struct drop_event drop = {};

	add_to_counter(COUNTER_PACKETS, 1);
	add_to_counter(COUNTER_BYTES, length);
	if (!is_blocked((void *)(long)ctx->data, (void *)(long)ctx->data_end, &drop)) {
		add_to_counter(COUNTER_PASSED, 1);
		return XDP_PASS;
	}
	add_to_counter(COUNTER_DROPPED, 1);
#ifdef COUNT_DROPPED_BYTES
	add_to_counter(COUNTER_DROPPED_BYTES, length);
#endif
	report_drop(ctx, length, &drop);
	return XDP_DROP;
}

#endif
