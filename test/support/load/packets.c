/*
 * Sends numbered UDP datagrams over an interface as raw frames, at a steady rate, until its input ends (load.h).
 * Arguments: interface, MAC address of the receiver, packets a second, processor.
 * Payload of each: its number, counted from 1, as 8 bytes in the order of this machine. What the kernel did not take is sent again.
 */
#include "load.h"
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

/* A veth's ring has 256 places: no more than this are under way at once. */
#define BATCH 64
#define FRAME (14 + 20 + 8 + 8)

static unsigned char frames[BATCH][FRAME];
static struct iovec vectors[BATCH];
static struct mmsghdr messages[BATCH];

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
		sum += (uint32_t)frame[14 + i] << 8 | frame[15 + i];
	sum = (sum & 0xffff) + (sum >> 16);
	frame[24] = (unsigned char)(~sum >> 8);
	frame[25] = (unsigned char)~sum;
	/* Port 9 is discard; a checksum of 0 is none. */
	frame[35] = frame[37] = 9;
	frame[39] = 16;
}

int main(int count, char **arguments)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_halen = 6 };
	unsigned char to[6];
	uint64_t sent = 0, rate;
	int fd;

	if (count != 5 ||
	    sscanf(arguments[2], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", to, to + 1, to + 2, to + 3, to + 4, to + 5) != 6) {
		fprintf(stderr, "usage: packets INTERFACE MAC RATE PROCESSOR\n");
		return 2;
	}
	rate = strtoull(arguments[3], NULL, 10);
	stay_on(arguments[4]);
	fd = socket(AF_PACKET, SOCK_RAW, 0);
	address.sll_ifindex = (int)if_nametoindex(arguments[1]);
	memcpy(address.sll_addr, to, 6);
	if (fd < 0 || address.sll_ifindex == 0)
		fail("opening the interface");
	for (int i = 0; i < BATCH; i++) {
		write_frame(frames[i], to);
		vectors[i] = (struct iovec){ frames[i], FRAME };
		messages[i].msg_hdr = (struct msghdr){
			.msg_name = &address, .msg_namelen = sizeof(address), .msg_iov = &vectors[i], .msg_iovlen = 1,
		};
	}
	while (obey(sent)) {
		uint64_t due = due_at(rate);
		unsigned batch;
		int done;

		if (due <= sent) {
			usleep(200);
			continue;
		}
		batch = due - sent > BATCH ? BATCH : (unsigned)(due - sent);
		for (unsigned i = 0; i < batch; i++) {
			uint64_t number = sent + i + 1;
			memcpy(frames[i] + 42, &number, 8);
		}
		done = sendmmsg(fd, messages, batch, 0);
		if (done < 0 && errno != ENOBUFS)
			fail("sending");
		if (done > 0)
			sent += (uint64_t)done;
		else
			usleep(200);
	}
	return 0;
}
