// SPDX-License-Identifier: Apache-2.0
/* A struct of functions that every kernel with struct_ops knows. Members that are left zero are no matter to newer loaders. */
#include "idiom.h"

struct tcp_congestion_ops {
	unsigned int (*ssthresh)(void *sk);
	unsigned int (*undo_cwnd)(void *sk);
	void (*cong_avoid)(void *sk, unsigned int ack, unsigned int acked);
	char name[16];
	void *owner;
};

SEC("struct_ops/ssthresh") unsigned int ok_struct_member(unsigned long long *ctx) { return 0; }
HOOK int ok_struct_member_beside(void *ctx) { return read_pid(); }

SEC(".struct_ops") struct tcp_congestion_ops bpfship_known = {
	.ssthresh = (void *)ok_struct_member,
	.name = "bpfship_known",
};
