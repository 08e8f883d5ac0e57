// SPDX-License-Identifier: Apache-2.0
// What programs do with their context, and ways that the pointer takes.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

#define AT(type, offset) (*(volatile type *)((char *)ctx + (offset)))

struct known {
	int field;
} __attribute__((preserve_access_index));

static __attribute__((noinline)) int read_family(void *ctx)
{
	return AT(__u32, 88);
}

SEC("tc") int common(struct __sk_buff *ctx)
{
	ctx->mark = ctx->len + ctx->ifindex;
	return 0;
}

SEC("tc") int in_function(struct __sk_buff *ctx)
{
	return read_family(ctx);
}

SEC("tc") int on_stack(struct __sk_buff *ctx)
{
	void *volatile kept = ctx;

	bpf_ktime_get_ns();
	return ((volatile struct __sk_buff *)kept)->gso_size;
}

SEC("xdp/devmap") int egress(struct xdp_md *ctx)
{
	return ctx->egress_ifindex ? 1 : 2;
}

SEC("xdp") int guarded(struct xdp_md *ctx)
{
	struct known *known = 0;

	if (__builtin_preserve_field_info(known->field, 2))
		AT(__u32, 16) = 7;
	return 2;
}

SEC("tc") int moved(void *ctx)
{
	asm volatile("%0 += 8" : "+r"(ctx));
	return AT(__u32, 0);
}

SEC("tc") int moved_either_way(void *ctx)
{
	asm volatile("r1 = 8; if %1 == 0 goto +1; r1 = 16; %0 += r1" : "+r"(ctx) : "r"(bpf_get_prandom_u32()) : "r1");
	return AT(__u32, 0);
}

SEC("tc") int moved_or_not(void *ctx)
{
	asm volatile("r1 = 8; if %1 == 0 goto +1; r1 = 0; %0 += r1" : "+r"(ctx) : "r"(bpf_get_prandom_u32()) : "r1");
	return AT(__u32, 0);
}

SEC("fexit/vfs_read") int returned(__u64 *ctx)
{
	return ctx[4] != 0 && ctx[0] != 0;
}

SEC("syscall") int open(void *ctx)
{
	return AT(__u32, 4000);
}
