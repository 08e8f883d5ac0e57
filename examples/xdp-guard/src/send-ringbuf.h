/* SPDX-License-Identifier: GPL-2.0-only */
/* Sends events through a ring buffer that all CPUs share (Linux 5.8). */
#ifndef SEND_RINGBUF_H
#define SEND_RINGBUF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16); /* bytes */
} drops SEC(".maps");

static __always_inline long send_event(void *ctx, void *map, void *data, __u64 size)
{
	return bpf_ringbuf_output(map, data, size, 0);
}

#endif
