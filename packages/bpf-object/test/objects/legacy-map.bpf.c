/* A map as it was defined before libbpf 1.0. */
#include "bpf-support.h"

char LICENSE[] SEC("license") = "GPL";

struct {
	unsigned int type, key_size, value_size, max_entries, flags;
} old SEC("maps") = { .type = 2, .key_size = 4, .value_size = 4, .max_entries = 1 };

SEC("xdp")
int pass(void *ctx)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&old, &key) ? 1 : 2;
}
