/* SPDX-License-Identifier: BSD-2-Clause */
/* One event buffer: a ring buffer, or the buffers of all processors of a perf event array. */
#ifndef EVENT_SOURCE_H
#define EVENT_SOURCE_H

#include "bpfship.h"

struct perf_buffer;

struct event_source {
	uint32_t id;
	int paused;
	/* What becomes readable when there are events. */
	int *fds;
	uint32_t fd_count;
	/* Ring buffer; NULL for a perf event array. */
	volatile unsigned long *consumer;
	volatile unsigned long *producer;
	uint8_t *ring;
	size_t ring_size;
	/* Perf event array. */
	struct perf_buffer *perf;
	int map_fd;
	uint32_t next_cpu;
};

/* Where records go. */
struct event_block {
	uint8_t *start;
	uint32_t size;
	struct bpfship_batch *batch;
};

int event_source_open(struct event_source **source, uint32_t id, int map_fd, uint32_t pages);
/* Copies records, at most about `most` bytes of them. Returns 1 where the next one does not fit into the block, else 0. */
int event_source_drain(struct event_source *source, struct event_block *block, uint32_t most);
/* Whether there are events that no waiting would tell of. */
int event_source_is_silent(const struct event_source *source);
void event_source_close(struct event_source *source);

/* Places for a record's data in the block; NULL where it does not fit. Its length is rounded up to 8 bytes. */
uint8_t *event_block_record(struct event_block *block, const struct event_source *source, uint16_t kind, uint16_t cpu, uint32_t length);

#endif
