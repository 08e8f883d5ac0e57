/* Globals of an arena, and a struct_ops beside programs that it does not name. */
#include "bpf-support.h"

char LICENSE[] SEC("license") = "GPL";

/* The compiler's address_space(1) puts variables there. */
int counter SEC(".addr_space.1");
long sum SEC(".addr_space.1") = 5;

struct {
	__uint(type, 33 /* BPF_MAP_TYPE_ARENA */);
	__uint(map_flags, 1 << 10 /* BPF_F_MMAPABLE */);
	__uint(max_entries, 4);
} arena SEC(".maps");

struct tcp_congestion_ops {
	void (*init)(void *sk);
};

SEC("struct_ops/init")
void init(void *sk)
{
}

SEC(".struct_ops")
struct tcp_congestion_ops slow = { .init = (void *)init };

SEC("syscall")
int bump(void *ctx)
{
	sum += counter++;
	return 0;
}
