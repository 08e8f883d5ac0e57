// SPDX-License-Identifier: BSD-2-Clause
// Reads ring buffers and perf event arrays. libbpf's own readers take a record out of its buffer whatever the callback says; these leave a
// record that does not fit into the block where it is.
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "bpf/bpf.h"
#include "bpf/libbpf.h"
#include "event-source.h"

#define NO_CPU 0xffff
#define RECORD_SIZE sizeof(struct bpfship_record)

uint8_t *event_block_record(struct event_block *block, const struct event_source *source, uint16_t kind, uint16_t cpu, uint32_t length)
{
	struct bpfship_batch *batch = block->batch;
	uint32_t padded = (length + 7) & ~7u;
	struct bpfship_record *record;

	if (length > UINT32_MAX - 64 || RECORD_SIZE + padded > block->size - batch->bytes) {
		batch->needed = RECORD_SIZE + padded > block->size ? RECORD_SIZE + padded : 0;
		return NULL;
	}
	record = (struct bpfship_record *)(block->start + batch->bytes);
	record->source = source->id;
	record->kind = kind;
	record->cpu = cpu;
	record->length = length;
	record->reserved = 0;
	batch->bytes += RECORD_SIZE + padded;
	batch->records++;
	return record->data;
}

// kernel/bpf/ringbuf.c: one page with the consumer's position, one with the producer's, then the data, mapped twice in a row.
static int open_ring(struct event_source *source, uint32_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *consumer, *producer;

	consumer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, source->map_fd, 0);
	if (consumer == MAP_FAILED)
		return -errno;
	source->consumer = consumer;
	producer = mmap(NULL, page + 2 * (size_t)size, PROT_READ, MAP_SHARED, source->map_fd, (off_t)page);
	if (producer == MAP_FAILED)
		return -errno;
	source->producer = producer;
	source->ring = (uint8_t *)producer + page;
	source->ring_size = size;
	source->fds = malloc(sizeof(int));
	if (!source->fds)
		return -ENOMEM;
	source->fds[0] = source->map_fd;
	source->fd_count = 1;
	return 0;
}

static enum bpf_perf_event_ret take_none(void *context, int cpu, struct perf_event_header *event)
{
	(void)context, (void)cpu, (void)event;
	return LIBBPF_PERF_EVENT_ERROR;
}

static int open_perf(struct event_source *source, uint32_t pages)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_BPF_OUTPUT,
		.sample_type = PERF_SAMPLE_RAW,
		.sample_period = 1,
		.wakeup_events = 1,
	};

	source->perf = perf_buffer__new_raw(source->map_fd, pages, &attr, take_none, NULL, NULL);
	if (!source->perf)
		return -errno;
	source->fd_count = (uint32_t)perf_buffer__buffer_cnt(source->perf);
	source->fds = malloc(source->fd_count * sizeof(int));
	if (!source->fds)
		return -ENOMEM;
	for (uint32_t i = 0; i < source->fd_count; i++)
		source->fds[i] = perf_buffer__buffer_fd(source->perf, i);
	return 0;
}

int event_source_open(struct event_source **result, uint32_t id, int map_fd, uint32_t pages)
{
	struct bpf_map_info info = {};
	uint32_t info_size = sizeof(info);
	struct event_source *source;
	int error = bpf_map_get_info_by_fd(map_fd, &info, &info_size);

	if (error)
		return error;
	source = calloc(1, sizeof(*source));
	if (!source)
		return -ENOMEM;
	source->id = id;
	// The kernel takes perf events out of their array when the descriptor by which they were put in is closed.
	source->map_fd = fcntl(map_fd, F_DUPFD_CLOEXEC, 3);
	if (source->map_fd < 0)
		error = -errno;
	else if (info.type == BPF_MAP_TYPE_RINGBUF)
		error = open_ring(source, info.max_entries);
	else if (info.type == BPF_MAP_TYPE_PERF_EVENT_ARRAY)
		error = open_perf(source, pages);
	else
		error = -EINVAL;
	if (error) {
		event_source_close(source);
		return error;
	}
	*result = source;
	return 0;
}

static int drain_ring(struct event_source *source, struct event_block *block, uint32_t most)
{
	unsigned long position = __atomic_load_n(source->consumer, __ATOMIC_ACQUIRE);
	unsigned long end = __atomic_load_n(source->producer, __ATOMIC_ACQUIRE);
	uint32_t begin = block->batch->bytes;
	int full = 0;

	while (position < end && block->batch->bytes - begin < most) {
		uint8_t *header = source->ring + (position & (source->ring_size - 1));
		uint32_t length = __atomic_load_n((uint32_t *)header, __ATOMIC_ACQUIRE);
		uint32_t bare = length & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);

		// Not committed yet; what comes after it has to wait.
		if (length & BPF_RINGBUF_BUSY_BIT)
			break;
		if (!(length & BPF_RINGBUF_DISCARD_BIT)) {
			uint8_t *data = event_block_record(block, source, BPFSHIP_RECORD_EVENT, NO_CPU, bare);
			if (!data) {
				full = 1;
				break;
			}
			memcpy(data, header + BPF_RINGBUF_HDR_SZ, bare);
		}
		position += (bare + BPF_RINGBUF_HDR_SZ + 7) & ~7ul;
		// The room is the programs' again at once: a batch may be as large as the whole buffer.
		__atomic_store_n(source->consumer, position, __ATOMIC_RELEASE);
		if (position >= end)
			end = __atomic_load_n(source->producer, __ATOMIC_ACQUIRE);
	}
	return full;
}

struct perf_reader {
	struct perf_event_mmap_page *page;
	uint8_t *data;
	uint64_t size;
};

// Bytes of the ring, which may go over its end.
static void copy_out(const struct perf_reader *reader, uint64_t at, void *to, uint32_t length)
{
	uint64_t offset = at & (reader->size - 1);
	uint64_t first = reader->size - offset < length ? reader->size - offset : length;

	memcpy(to, reader->data + offset, first);
	memcpy((uint8_t *)to + first, reader->data, length - first);
}

// A PERF_RECORD_LOST holds the event's id and the number of events lost (include/uapi/linux/perf_event.h).
static int take_lost(struct event_source *source, struct event_block *block, const struct perf_reader *reader, uint64_t at, uint16_t cpu)
{
	uint64_t lost;
	uint8_t *data = event_block_record(block, source, BPFSHIP_RECORD_LOST, cpu, sizeof(lost));

	if (!data)
		return 1;
	copy_out(reader, at + sizeof(struct perf_event_header) + sizeof(uint64_t), &lost, sizeof(lost));
	memcpy(data, &lost, sizeof(lost));
	block->batch->lost += lost;
	return 0;
}

// A PERF_RECORD_SAMPLE of raw data: u32 size, data. The size includes the padding that bpf_perf_event_output adds.
static int take_sample(struct event_source *source, struct event_block *block, const struct perf_reader *reader, uint64_t at, uint16_t cpu)
{
	uint32_t length;
	uint8_t *data;

	copy_out(reader, at + sizeof(struct perf_event_header), &length, sizeof(length));
	if (length > reader->size)
		return 0;
	data = event_block_record(block, source, BPFSHIP_RECORD_EVENT, cpu, length);
	if (!data)
		return 1;
	copy_out(reader, at + sizeof(struct perf_event_header) + sizeof(length), data, length);
	return 0;
}

static int drain_cpu(struct event_source *source, uint32_t index, struct event_block *block, uint32_t most)
{
	struct perf_reader reader;
	struct perf_event_header header;
	void *base;
	size_t size;
	uint32_t begin = block->batch->bytes;
	uint64_t head, tail;
	int full = 0;

	if (perf_buffer__buffer(source->perf, (int)index, &base, &size))
		return 0;
	reader.page = base;
	reader.data = (uint8_t *)base + sysconf(_SC_PAGESIZE);
	reader.size = size;
	head = __atomic_load_n(&reader.page->data_head, __ATOMIC_ACQUIRE);
	tail = reader.page->data_tail;
	while (tail != head && !full && block->batch->bytes - begin < most) {
		copy_out(&reader, tail, &header, sizeof(header));
		if (header.size < sizeof(header))
			break;
		if (header.type == PERF_RECORD_SAMPLE)
			full = take_sample(source, block, &reader, tail, (uint16_t)index);
		else if (header.type == PERF_RECORD_LOST)
			full = take_lost(source, block, &reader, tail, (uint16_t)index);
		if (!full)
			tail += header.size;
	}
	__atomic_store_n(&reader.page->data_tail, tail, __ATOMIC_RELEASE);
	return full;
}

static int drain_perf(struct event_source *source, struct event_block *block, uint32_t most)
{
	uint32_t begin = block->batch->bytes;

	for (uint32_t i = 0; i < source->fd_count; i++) {
		if (drain_cpu(source, source->next_cpu, block, most))
			return 1;
		source->next_cpu = (source->next_cpu + 1) % source->fd_count;
		if (block->batch->bytes - begin >= most)
			break;
	}
	return 0;
}

int event_source_drain(struct event_source *source, struct event_block *block, uint32_t most)
{
	return source->perf ? drain_perf(source, block, most) : drain_ring(source, block, most);
}

// Polling a perf event takes its readiness back (kernel/events/core.c, perf_poll), so that epoll says nothing of what came before it was
// added. A ring buffer is ready for as long as it holds something.
int event_source_is_silent(const struct event_source *source)
{
	for (uint32_t i = 0; source->perf && i < source->fd_count; i++) {
		struct perf_event_mmap_page *page;
		size_t size;

		if (!perf_buffer__buffer(source->perf, (int)i, (void **)&page, &size) &&
		    __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE) != page->data_tail)
			return 1;
	}
	return 0;
}

void event_source_close(struct event_source *source)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (!source)
		return;
	if (source->perf)
		perf_buffer__free(source->perf);
	if (source->producer)
		munmap((void *)source->producer, page + 2 * source->ring_size);
	if (source->consumer)
		munmap((void *)source->consumer, page);
	if (source->map_fd >= 0)
		close(source->map_fd);
	free(source->fds);
	free(source);
}
