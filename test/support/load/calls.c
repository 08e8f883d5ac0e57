/*
 * Makes numbered system calls, as events for tracing programs, at a steady rate, until its input ends (load.h).
 * Arguments: mark, calls a second (0: as many as it can), processor. Each call is getpgid(number, mark): the kernel ignores the second.
 */
#include "load.h"
#include <sys/syscall.h>

/* Calls between looks at the clock and the input. */
#define BATCH 200

int main(int count, char **arguments)
{
	uint64_t made = 0, rate;
	unsigned long mark;

	if (count != 4) {
		fprintf(stderr, "usage: calls MARK RATE PROCESSOR\n");
		return 2;
	}
	mark = strtoul(arguments[1], NULL, 0);
	rate = strtoull(arguments[2], NULL, 10);
	stay_on(arguments[3]);
	while (obey(made)) {
		if (rate != 0 && due_at(rate) < made + BATCH) {
			usleep(100);
			continue;
		}
		for (int i = 0; i < BATCH; i++)
			syscall(SYS_getpgid, ++made, mark);
	}
	return 0;
}
