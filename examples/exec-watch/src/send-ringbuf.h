/* SPDX-License-Identifier: GPL-2.0-only */
/* Sends events through ring buffers that all CPUs share (Linux 5.8): in order, and no more memory on larger machines. */
#ifndef SEND_RINGBUF_H
#define SEND_RINGBUF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20); /* bytes: several thousand executions */
} events SEC(".maps");

#ifdef WATCH_EXITS
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18); /* bytes: about 3,600 exits */
} exits SEC(".maps");
#endif

static __always_inline long send_event(void *ctx, void *map, void *data, __u64 size)
{
	return bpf_ringbuf_output(map, data, size, 0);
}

#endif
