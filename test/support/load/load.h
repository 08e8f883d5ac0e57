/* What all loads share: the clock, one processor, and who tells them to pause. */
#define _GNU_SOURCE
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A load that could not run for so long does not catch up. */
#define PAUSE 20000000ull

static inline void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* One processor, one queue: the order of the numbers is the order in which programs see them. */
static inline void stay_on(const char *processor)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(atoi(processor), &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static inline uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000ull + (uint64_t)time.tv_nsec;
}

/* Numbers that are due at a rate a second since the begin, which moves on over pauses. */
static inline uint64_t due_at(uint64_t rate)
{
	static uint64_t begin, tick;
	uint64_t time = now();

	if (begin == 0)
		begin = tick = time;
	if (time - tick > PAUSE)
		begin += time - tick;
	tick = time;
	return (uint64_t)((unsigned __int128)(time - begin) * rate / 1000000000ull);
}

/*
 * Looks for lines of input: "count" prints how much was done and waits for the next line, "go" goes on. Returns 0 at the end of the input.
 */
static inline int obey(uint64_t done)
{
	struct pollfd input = { .fd = 0, .events = POLLIN };
	char line[64];
	int wait = 0;

	while (poll(&input, 1, wait ? -1 : 0) > 0) {
		ssize_t size = read(0, line, sizeof(line) - 1);
		if (size <= 0)
			return 0;
		line[size] = 0;
		wait = strstr(line, "count") != NULL;
		if (wait) {
			printf("%llu\n", (unsigned long long)done);
			fflush(stdout);
		}
	}
	return 1;
}
