/*
 * Makes numbered system calls, as events for tracing programs, at a steady rate, until its input ends.
 * Arguments: mark, calls a second (0: as fast as it can), processor. Each call is getppid(number, mark): the kernel ignores both.
 * Input, a line each: "count" pauses, prints the number of calls that were made, and waits for the next line; "go" goes on.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Calls between looks at the clock and the input. */
#define BATCH 200

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000ull + (uint64_t)time.tv_nsec;
}

/* Looks for a line of input. Returns 0 at its end. */
static int obey(uint64_t made, int wait)
{
	struct pollfd input = { .fd = 0, .events = POLLIN };
	char line[64];
	ssize_t size;

	while (poll(&input, 1, wait ? -1 : 0) > 0) {
		size = read(0, line, sizeof(line) - 1);
		if (size <= 0)
			return 0;
		line[size] = 0;
		wait = strstr(line, "count") != NULL;
		if (wait) {
			printf("%llu\n", (unsigned long long)made);
			fflush(stdout);
		}
	}
	return 1;
}

int main(int count, char **arguments)
{
	uint64_t made = 0, rate, begin, tick;
	unsigned long mark;
	cpu_set_t set;

	if (count != 4) {
		fprintf(stderr, "usage: calls MARK RATE PROCESSOR\n");
		return 2;
	}
	mark = strtoul(arguments[1], NULL, 0);
	rate = strtoull(arguments[2], NULL, 10);
	CPU_ZERO(&set);
	CPU_SET(atoi(arguments[3]), &set);
	sched_setaffinity(0, sizeof(set), &set);
	begin = tick = now();
	while (obey(made, 0)) {
		uint64_t time = now();

		/* After a pause the rate goes on from here: what was missed is not caught up. */
		if (time - tick > 20000000ull)
			begin += time - tick;
		tick = time;
		if (rate != 0 && (time - begin) * rate / 1000000000ull < made + BATCH) {
			usleep(100);
			continue;
		}
		for (int i = 0; i < BATCH; i++)
			syscall(SYS_getppid, ++made, mark);
	}
	return 0;
}
