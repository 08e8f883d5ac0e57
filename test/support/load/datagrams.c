/*
 * Sends numbered UDP datagrams to port 9 of 127.0.0.1, at a steady rate, until its input ends (load.h). Those that a program at the cgroup
 * drops count as sent.
 * Arguments: folder of the cgroup, packets a second, processor. Payload of each: its number, counted from 1, as 8 bytes in the order of this machine.
 */
#include "load.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define BATCH 64

/* A socket belongs to the cgroup in which it is opened. */
static void join(const char *cgroup)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	file = fopen(path, "w");
	if (!file || fputs("0", file) < 0 || fclose(file) != 0)
		fail(path);
}

int main(int count, char **arguments)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(9) };
	uint64_t sent = 0, rate;
	int fd;

	if (count != 4) {
		fprintf(stderr, "usage: datagrams CGROUP RATE PROCESSOR\n");
		return 2;
	}
	rate = strtoull(arguments[2], NULL, 10);
	stay_on(arguments[3]);
	join(arguments[1]);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0)
		fail("opening a socket");
	while (obey(sent)) {
		uint64_t due = due_at(rate);

		if (due <= sent)
			usleep(200);
		for (int i = 0; i < BATCH && sent < due; i++) {
			uint64_t number = sent + 1;
			ssize_t size = sendto(fd, &number, 8, 0, (struct sockaddr *)&address, sizeof(address));

			if (size < 0 && errno != EPERM)
				fail("sending");
			sent++;
		}
	}
	return 0;
}
