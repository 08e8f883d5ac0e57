// SPDX-License-Identifier: Apache-2.0
// Contexts as vmlinux.h declares them: every access is a relocation.
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
#include <linux/bpf.h>
#include <linux/if_ether.h>
struct __sk_buff___part {
	__u32 len;
	__u32 napi_id;
};
#pragma clang attribute pop
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

SEC("xdp") int egress(struct xdp_md *ctx)
{
	return ctx->egress_ifindex ? 1 : 2;
}

SEC("socket") int write_mark(struct __sk_buff *ctx)
{
	ctx->mark = 1;
	return 0;
}

SEC("socket") int part(struct __sk_buff___part *ctx)
{
	return ctx->napi_id;
}

SEC("cgroup/post_bind4") int resized(struct bpf_sock *ctx)
{
	return ctx->dst_port == 0;
}

SEC("xdp") int unchecked(struct xdp_md *ctx)
{
	struct ethhdr *ethernet = (void *)(long)ctx->data;

	return ethernet->h_proto == 8;
}

SEC("xdp") int checked(struct xdp_md *ctx)
{
	struct ethhdr *ethernet = (void *)(long)ctx->data;

	if ((void *)(ethernet + 1) > (void *)(long)ctx->data_end)
		return 0;
	return ethernet->h_proto == 8;
}
