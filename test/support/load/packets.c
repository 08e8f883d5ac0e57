/*
 * Sends numbered UDP datagrams over an interface as raw frames, at a steady rate, until its input ends.
 * Arguments: interface, MAC address of the receiver, packets a second, processor.
 * Input, a line each: "count" pauses, prints the number of packets that were sent, and waits for the next line; "go" goes on.
 * Payload of each: its number, counted from 1, as 8 bytes in the order of this machine. What the kernel did not take is sent again.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* A veth's ring has 256 places: no more than this are under way at once. */
#define BATCH 64
#define FRAME (14 + 20 + 8 + 8)

static unsigned char frames[BATCH][FRAME];
static struct iovec vectors[BATCH];
static struct mmsghdr messages[BATCH];

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void write_frame(unsigned char *frame, const unsigned char *receiver)
{
	static const unsigned char ip[20] = { 0x45, 0, 0, 36, 0, 0, 0, 0, 64, 17, 0, 0, 198, 18, 77, 2, 198, 18, 77, 1 };
	uint32_t sum = 0;

	memcpy(frame, receiver, 6);
	frame[6] = 2;
	frame[11] = 1;
	frame[12] = 8;
	memcpy(frame + 14, ip, 20);
	for (int i = 0; i < 20; i += 2)
		sum += frame[14 + i] << 8 | frame[15 + i];
	sum = (sum & 0xffff) + (sum >> 16);
	frame[24] = (unsigned char)(~sum >> 8);
	frame[25] = (unsigned char)~sum;
	/* Ports 9 (discard); a checksum of 0 is none. */
	frame[35] = frame[37] = 9;
	frame[39] = 16;
}

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000ull + (uint64_t)time.tv_nsec;
}

/* Looks for a line of input. Returns 0 at its end. */
static int obey(uint64_t sent, int wait)
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
			printf("%llu\n", (unsigned long long)sent);
			fflush(stdout);
		}
	}
	return 1;
}

int main(int count, char **arguments)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_halen = 6 };
	unsigned char receiver[6];
	uint64_t sent = 0, rate, begin, tick;
	int fd;

	if (count != 5 || sscanf(arguments[2], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", receiver, receiver + 1, receiver + 2,
				 receiver + 3, receiver + 4, receiver + 5) != 6) {
		fprintf(stderr, "usage: packets INTERFACE MAC RATE PROCESSOR\n");
		return 2;
	}
	rate = strtoull(arguments[3], NULL, 10);
	/* One processor, one queue: the order of the numbers is the order of arrival. */
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(atoi(arguments[4]), &set);
	sched_setaffinity(0, sizeof(set), &set);
	fd = socket(AF_PACKET, SOCK_RAW, 0);
	address.sll_ifindex = (int)if_nametoindex(arguments[1]);
	memcpy(address.sll_addr, receiver, 6);
	if (fd < 0 || address.sll_ifindex == 0)
		fail("opening the interface");
	for (int i = 0; i < BATCH; i++) {
		write_frame(frames[i], receiver);
		vectors[i] = (struct iovec){ frames[i], FRAME };
		messages[i].msg_hdr = (struct msghdr){ .msg_name = &address, .msg_namelen = sizeof(address), .msg_iov = &vectors[i], .msg_iovlen = 1 };
	}
	begin = tick = now();
	while (obey(sent, 0)) {
		uint64_t time = now();
		uint64_t due;

		/* After a pause the rate goes on from here: what was missed is not caught up. */
		if (time - tick > 20000000ull)
			begin += time - tick;
		tick = time;
		due = (time - begin) * rate / 1000000000ull;
		if (due <= sent) {
			usleep(200);
			continue;
		}
		unsigned batch = due - sent > BATCH ? BATCH : (unsigned)(due - sent);
		for (unsigned i = 0; i < batch; i++) {
			uint64_t number = sent + i + 1;
			memcpy(frames[i] + 42, &number, 8);
		}
		int done = sendmmsg(fd, messages, batch, 0);
		if (done < 0 && errno != ENOBUFS)
			fail("sending");
		if (done > 0)
			sent += (uint64_t)done;
		else
			usleep(200);
	}
	return 0;
}
