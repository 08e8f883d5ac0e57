/* SPDX-License-Identifier: BSD-2-Clause */
/* What the library has beside libbpf's own functions. Results below zero are -errno. Changes of what stands here raise BPFSHIP_ABI. */
#ifndef BPFSHIP_H
#define BPFSHIP_H

#include <stddef.h>
#include <stdint.h>

#define BPFSHIP_ABI 1
#define BPFSHIP_API __attribute__((visibility("default")))

BPFSHIP_API uint32_t bpfship_abi(void);

/*
 * libbpf's messages (warnings; with BPFSHIP_LOG_INFO also information), for the thread that calls: libbpf hands them to a variadic function,
 * which foreign-function interfaces cannot be. They are appended to `text`; the caller takes them by setting `used` and `dropped` to 0.
 */
struct bpfship_log {
	uint32_t size;    /* bytes of `text` */
	uint32_t used;    /* of them written */
	uint32_t dropped; /* messages for which there was no room */
	uint32_t level;   /* 0 warnings, 1 also information, 2 also what is for debugging */
	char text[];
};
/* The log must stay in place until the thread has called this with NULL, or has ended. */
BPFSHIP_API void bpfship_log_into(struct bpfship_log *log);

/*
 * A set of event buffers (ring buffers and perf event arrays) with one waiter. Records are copied into one block of the caller's, in the
 * order in which they are in their buffer; a record that does not fit stays where it is.
 */
struct bpfship_events;

#define BPFSHIP_RECORD_EVENT 0
#define BPFSHIP_RECORD_LOST 1 /* the data is one u64: how many events the kernel could not write at this place */

/* Records follow one another in the block at multiples of 8 bytes. */
struct bpfship_record {
	uint32_t source; /* number given to bpfship_events_add */
	uint16_t kind;   /* BPFSHIP_RECORD_* */
	uint16_t cpu;    /* of a perf event array's record; 65535 for ring buffers */
	uint32_t length; /* bytes of data, without padding */
	uint32_t reserved;
	uint8_t data[];
};

struct bpfship_batch {
	uint32_t records;
	uint32_t bytes;  /* of the block that are written */
	uint32_t more;   /* 1 where something is left that could be read at once */
	uint32_t needed; /* bytes of block that the next record needs, where it is larger than the whole block; else 0 */
	uint64_t lost;   /* sum of all records of the kind BPFSHIP_RECORD_LOST */
};

BPFSHIP_API int bpfship_events_open(struct bpfship_events **events);
/* Adds a map; its descriptor is duplicated. `pages` is the size of each CPU's buffer in a perf event array, a power of two. */
BPFSHIP_API int bpfship_events_add(struct bpfship_events *events, uint32_t source, int map_fd, uint32_t pages);
/* A paused buffer is neither read nor waited for: it fills up, and the kernel counts what is lost. */
BPFSHIP_API int bpfship_events_pause(struct bpfship_events *events, uint32_t source, int paused);
BPFSHIP_API int bpfship_events_remove(struct bpfship_events *events, uint32_t source);
/*
 * Waits until there is something in a buffer (or `timeout_ms` are over, or another thread wakes; -1 waits for ever, 0 not at all), then
 * lets `gather_us` microseconds go by for more to come, then copies what is there, until the block is full or `budget_us` are over
 * (0: no bound). One thread at a time; the other functions may be called by other threads meanwhile, except close.
 */
BPFSHIP_API int bpfship_events_next(struct bpfship_events *events, void *block, uint32_t size, int timeout_ms, uint32_t gather_us,
				    uint32_t budget_us, struct bpfship_batch *batch);
/* Ends the wait under way, or the next one. */
BPFSHIP_API int bpfship_events_wake(struct bpfship_events *events);
BPFSHIP_API void bpfship_events_close(struct bpfship_events *events);

/*
 * Calls of the holder (bpfship-hold): sends one request, with a descriptor where `send_fd` is not negative, and receives one reply, with a
 * descriptor into `received_fd` (-1 where there came none). The result is the reply's length.
 */
BPFSHIP_API int bpfship_hold_call(const char *path, const void *request, uint32_t length, int send_fd, void *reply, uint32_t size,
				  int *received_fd);

#endif
