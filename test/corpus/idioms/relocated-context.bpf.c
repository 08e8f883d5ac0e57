// SPDX-License-Identifier: Apache-2.0
/* Contexts and packets as vmlinux.h declares them: every access is a relocation. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
struct __sk_buff___part { __u32 family; __u32 napi_id; };
struct __sk_buff___hw { __u64 hwtstamp; };
#pragma clang attribute pop
#include "idiom.h"

SEC("xdp") int bad_xdp_egress(struct xdp_md *ctx) { return ctx->egress_ifindex ? 1 : 2; }
SEC("xdp/devmap") int any_devmap_egress(struct xdp_md *ctx) { return ctx->egress_ifindex ? 1 : 2; }
SEC("socket") int bad_socket_write_mark(struct __sk_buff *ctx) { ctx->mark = 1; return 0; }
SEC("socket") int bad_socket_family(struct __sk_buff *ctx) { return ctx->family; }
SEC("tc") int any_tc_part(struct __sk_buff___part *ctx) { return ctx->napi_id; }
SEC("tc") int any_tc_hwtstamp(struct __sk_buff *ctx) { struct __sk_buff___hw *hw = (void *)ctx; return bpf_core_field_exists(hw->hwtstamp) ? hw->hwtstamp & 1 : 0; }
SEC("cgroup/post_bind4") int any_bind_port(struct bpf_sock *ctx) { return ctx->dst_port == 0; }
SEC("cgroup/sock_create") int any_create_state(struct bpf_sock *ctx) { return ctx->state == 0; }
SEC("sk_lookup") int any_lookup_port(struct bpf_sk_lookup *ctx) { return ctx->remote_port != 7; }
SEC("cgroup/connect4") int bad_connect4_ip6(struct bpf_sock_addr *ctx) { ctx->user_ip6[3] = 1; return 1; }
SEC("cgroup/setsockopt") int bad_setsockopt_retval(struct bpf_sockopt *ctx) { ctx->retval = 0; return 1; }
SEC("xdp") int bad_unchecked(struct xdp_md *ctx) { struct ethhdr *e = (void *)(long)ctx->data; return e->h_proto == 8; }
SEC("xdp") int ok_checked(struct xdp_md *ctx) { struct ethhdr *e = (void *)(long)ctx->data; if ((void *)(e + 1) > (void *)(long)ctx->data_end) return 0; return e->h_proto == 8; }
SEC("tc") int ok_tc_checked(struct __sk_buff *ctx) { struct iphdr *i = (void *)(long)ctx->data + 14; if ((void *)(i + 1) > (void *)(long)ctx->data_end) return 0; return i->protocol == 6; }
SEC("tc") int bad_tc_not_pulled(struct __sk_buff *ctx) { struct ethhdr *e = (void *)(long)ctx->data; if ((void *)(e + 1) > (void *)(long)ctx->data_end) return 0; bpf_skb_pull_data(ctx, 14); e = (void *)(long)ctx->data; return e->h_proto == 8; }
