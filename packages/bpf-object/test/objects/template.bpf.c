/* A program whose first instructions and BTF the tests replace. */
#include "bpf-support.h"

char LICENSE[] SEC("license") = "GPL";

SEC("raw_tp/sched_switch")
int template(void *ctx)
{
	asm volatile("r1 = 0; r1 = 0; r1 = 0; r1 = 0; r1 = 0; r1 = 0; r1 = 0; r1 = 0" ::: "r1");
	return 0;
}
