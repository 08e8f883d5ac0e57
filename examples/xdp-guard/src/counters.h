/* SPDX-License-Identifier: GPL-2.0-only */
/* Counts packets for each CPU. */
#ifndef COUNTERS_H
#define COUNTERS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* Entries of `counters`. New ones come at the end: the map is kept over upgrades. */
enum counter {
	COUNTER_PACKETS = 0,
	COUNTER_BYTES = 1,
	COUNTER_PASSED = 2,
	COUNTER_DROPPED = 3,
#ifdef COUNT_DROPPED_BYTES
	COUNTER_DROPPED_BYTES = 4,
#endif
	/* More than are used, since a map can be kept only at the same size. */
	COUNTERS = 16,
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

static __always_inline void add_to_counter(__u32 counter, __u64 number)
{
	__u64 *value = bpf_map_lookup_elem(&counters, &counter);

	if (value)
		*value += number; /* only this CPU writes it */
}

#endif
