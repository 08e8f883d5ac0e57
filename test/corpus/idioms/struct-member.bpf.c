// SPDX-License-Identifier: Apache-2.0
/* A struct of functions with a member that no kernel's struct has: the loader gives up the object, whichever program is loaded. */
#include "idiom.h"

struct tcp_congestion_ops {
	unsigned int (*ssthresh)(void *sk);
	unsigned int (*undo_cwnd)(void *sk);
	void (*cong_avoid)(void *sk, unsigned int ack, unsigned int acked);
	unsigned int (*bpfship_gone)(void *sk);
	char name[16];
	void *owner;
};

SEC("struct_ops/bpfship_gone") unsigned int bad_struct_member(unsigned long long *ctx) { return 0; }
HOOK int bad_struct_member_beside(void *ctx) { return read_pid(); }

SEC(".struct_ops") struct tcp_congestion_ops bpfship_member = {
	.bpfship_gone = (void *)bad_struct_member,
	.name = "bpfship_member",
};
