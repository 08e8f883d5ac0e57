/* SPDX-License-Identifier: GPL-2.0-only */
/* Sends events through a perf event array, for kernels without ring buffers. */
#ifndef SEND_PERF_H
#define SEND_PERF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* Without max_entries the loader makes one entry for each CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} drops SEC(".maps");

static __always_inline long send_event(void *ctx, void *map, void *data, __u64 size)
{
	return bpf_perf_event_output(ctx, map, BPF_F_CURRENT_CPU, data, size);
}

#endif
