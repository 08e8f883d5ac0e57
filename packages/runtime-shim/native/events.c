// SPDX-License-Identifier: BSD-2-Clause
// Event buffers: one waiter for many, records copied in batches into the caller's memory.
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include "bpf/bpf.h"
#include "event-source.h"

// Bytes that one buffer may give before the next one gets its turn.
#define TURN_BYTES (256 * 1024)

struct bpfship_events {
	pthread_mutex_t lock; // held while sources are read, added and removed, not while waiting
	int epoll_fd;
	int wake_fd;
	struct event_source **sources;
	uint32_t count;
	uint32_t first; // source whose turn comes first
};

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int watch(struct bpfship_events *events, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(events->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static void unwatch(struct bpfship_events *events, struct event_source *source)
{
	for (uint32_t i = 0; i < source->fd_count; i++)
		epoll_ctl(events->epoll_fd, EPOLL_CTL_DEL, source->fds[i], NULL);
}

static int watch_all(struct bpfship_events *events, struct event_source *source)
{
	for (uint32_t i = 0; i < source->fd_count; i++) {
		int error = watch(events, source->fds[i]);
		if (error) {
			unwatch(events, source);
			return error;
		}
	}
	return 0;
}

int bpfship_events_open(struct bpfship_events **result)
{
	struct bpfship_events *events = calloc(1, sizeof(*events));
	int error;

	*result = NULL;
	if (!events)
		return -ENOMEM;
	pthread_mutex_init(&events->lock, NULL);
	events->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	events->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	error = events->epoll_fd < 0 || events->wake_fd < 0 ? -errno : watch(events, events->wake_fd);
	if (error) {
		bpfship_events_close(events);
		return error;
	}
	*result = events;
	return 0;
}

static int find(const struct bpfship_events *events, uint32_t id)
{
	for (uint32_t i = 0; i < events->count; i++)
		if (events->sources[i]->id == id)
			return (int)i;
	return -ENOENT;
}

int bpfship_events_add(struct bpfship_events *events, uint32_t id, int map_fd, uint32_t pages)
{
	struct event_source **sources, *source = NULL;
	int error = 0;

	pthread_mutex_lock(&events->lock);
	if (find(events, id) >= 0)
		error = -EEXIST;
	if (!error) {
		sources = realloc(events->sources, (events->count + 1) * sizeof(*sources));
		if (sources)
			events->sources = sources;
		else
			error = -ENOMEM;
	}
	if (!error)
		error = event_source_open(&source, id, map_fd, pages);
	if (!error)
		error = watch_all(events, source);
	if (error)
		event_source_close(source);
	else
		events->sources[events->count++] = source;
	pthread_mutex_unlock(&events->lock);
	return error;
}

int bpfship_events_pause(struct bpfship_events *events, uint32_t id, int paused)
{
	int error = 0, at;

	pthread_mutex_lock(&events->lock);
	at = find(events, id);
	if (at < 0) {
		error = at;
	} else if (events->sources[at]->paused != !!paused) {
		if (paused)
			unwatch(events, events->sources[at]);
		else
			error = watch_all(events, events->sources[at]);
		if (!error)
			events->sources[at]->paused = !!paused;
	}
	pthread_mutex_unlock(&events->lock);
	return error;
}

int bpfship_events_remove(struct bpfship_events *events, uint32_t id)
{
	int at;

	pthread_mutex_lock(&events->lock);
	at = find(events, id);
	if (at >= 0) {
		unwatch(events, events->sources[at]);
		event_source_close(events->sources[at]);
		events->sources[at] = events->sources[--events->count];
	}
	pthread_mutex_unlock(&events->lock);
	return at < 0 ? at : 0;
}

static int is_silent(struct bpfship_events *events)
{
	int silent = 0;

	pthread_mutex_lock(&events->lock);
	for (uint32_t i = 0; i < events->count && !silent; i++)
		silent = !events->sources[i]->paused && event_source_is_silent(events->sources[i]);
	pthread_mutex_unlock(&events->lock);
	return silent;
}

// Returns 1 where it was woken, 0 else, or an error.
static int wait_for_events(struct bpfship_events *events, int timeout_ms, uint32_t gather_us)
{
	struct epoll_event ready[8];
	uint64_t wakes;
	int count = epoll_wait(events->epoll_fd, ready, 8, is_silent(events) ? 0 : timeout_ms);

	if (count < 0)
		return errno == EINTR ? 1 : -errno;
	for (int i = 0; i < count; i++)
		if (ready[i].data.fd == events->wake_fd)
			return read(events->wake_fd, &wakes, sizeof(wakes)) < 0 ? 0 : 1;
	if (count > 0 && gather_us > 0) {
		struct timespec pause = { .tv_sec = gather_us / 1000000, .tv_nsec = (long)(gather_us % 1000000) * 1000 };
		nanosleep(&pause, NULL);
	}
	return 0;
}

int bpfship_events_next(struct bpfship_events *events, void *block, uint32_t size, int timeout_ms, uint32_t gather_us,
			uint32_t budget_us, struct bpfship_batch *batch)
{
	struct event_block into = { .start = block, .size = size & ~7u, .batch = batch };
	uint64_t until = 0;
	uint32_t quiet = 0, turn;
	int woken;

	memset(batch, 0, sizeof(*batch));
	woken = wait_for_events(events, timeout_ms, gather_us);
	if (woken < 0)
		return woken;
	if (budget_us)
		until = now_us() + budget_us;
	pthread_mutex_lock(&events->lock);
	// Every buffer has its turns until all of them have nothing more, or one record does not fit.
	for (turn = 0; quiet < events->count; turn++) {
		struct event_source *source = events->sources[(events->first + turn) % events->count];
		uint32_t before = batch->records;
		int full = source->paused ? 0 : event_source_drain(source, &into, TURN_BYTES);

		quiet = batch->records == before ? quiet + 1 : 0;
		if (full || (until && now_us() >= until)) {
			batch->more = 1;
			break;
		}
	}
	if (events->count)
		events->first = (events->first + turn) % events->count;
	if (batch->records)
		batch->needed = 0;
	pthread_mutex_unlock(&events->lock);
	return (int)batch->records;
}

int bpfship_events_wake(struct bpfship_events *events)
{
	uint64_t one = 1;

	return write(events->wake_fd, &one, sizeof(one)) < 0 && errno != EAGAIN ? -errno : 0;
}

void bpfship_events_close(struct bpfship_events *events)
{
	if (!events)
		return;
	for (uint32_t i = 0; i < events->count; i++)
		event_source_close(events->sources[i]);
	free(events->sources);
	if (events->epoll_fd >= 0)
		close(events->epoll_fd);
	if (events->wake_fd >= 0)
		close(events->wake_fd);
	pthread_mutex_destroy(&events->lock);
	free(events);
}
