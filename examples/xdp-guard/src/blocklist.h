/* SPDX-License-Identifier: GPL-2.0-only */
/* The blocklists: what user space writes, and how a packet is looked up in them. */
#ifndef BLOCKLIST_H
#define BLOCKLIST_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "events.h"

#define MAX_RULES 65536

/* The kernel compares the first prefix_length bits of the address. */
struct ipv4_prefix {
	__u32 prefix_length;
	__u8 address[4];
};

struct ipv6_prefix {
	__u32 prefix_length;
	__u8 address[16];
};

/* Blocked IPv4 sources -> packets that the rule dropped. Kept over upgrades. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, MAX_RULES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ipv4_prefix);
	__type(value, __u64);
} blocklist SEC(".maps");

/* Blocked IPv6 sources -> packets that the rule dropped. Kept over upgrades. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, MAX_RULES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ipv6_prefix);
	__type(value, __u64);
} blocklist6 SEC(".maps");

static __always_inline int count_hit(__u64 *hits)
{
	if (!hits)
		return 0;
	__sync_fetch_and_add(hits, 1);
	return 1;
}

static __always_inline int is_ipv4_blocked(void *data, void *data_end, struct drop_event *drop)
{
	struct ipv4_prefix source = { .prefix_length = 32 };
	struct iphdr *ip = data;

	if ((void *)(ip + 1) > data_end)
		return 0;
	__builtin_memcpy(source.address, &ip->saddr, sizeof(source.address));
	if (!count_hit(bpf_map_lookup_elem(&blocklist, &source)))
		return 0;
	drop->ip_version = 4;
	drop->ip_protocol = ip->protocol;
	__builtin_memcpy(drop->ipv4_source, &ip->saddr, sizeof(drop->ipv4_source));
	__builtin_memcpy(drop->ipv4_destination, &ip->daddr, sizeof(drop->ipv4_destination));
	return 1;
}

static __always_inline int is_ipv6_blocked(void *data, void *data_end, struct drop_event *drop)
{
	struct ipv6_prefix source = { .prefix_length = 128 };
	struct ipv6hdr *ip = data;

	if ((void *)(ip + 1) > data_end)
		return 0;
	__builtin_memcpy(source.address, &ip->saddr, sizeof(source.address));
	if (!count_hit(bpf_map_lookup_elem(&blocklist6, &source)))
		return 0;
	drop->ip_version = 6;
	drop->ip_protocol = ip->nexthdr;
	__builtin_memcpy(drop->ipv6_source, &ip->saddr, sizeof(drop->ipv6_source));
	__builtin_memcpy(drop->ipv6_destination, &ip->daddr, sizeof(drop->ipv6_destination));
	return 1;
}

struct vlan_header {
	__be16 tag;
	__be16 protocol;
};

/* Whether the packet's source is blocked; then says in `drop` what it is. What is no IP packet is never blocked. */
static __always_inline int is_blocked(void *data, void *data_end, struct drop_event *drop)
{
	struct ethhdr *ethernet = data;
	void *next = ethernet + 1;
	__be16 protocol;

	if (next > data_end)
		return 0;
	protocol = ethernet->h_proto;
#pragma unroll
	for (int i = 0; i < 2; i++) { /* 802.1ad puts two tags */
		struct vlan_header *vlan = next;

		if (protocol != bpf_htons(ETH_P_8021Q) && protocol != bpf_htons(ETH_P_8021AD))
			break;
		next = vlan + 1;
		if (next > data_end)
			return 0;
		protocol = vlan->protocol;
	}
	if (protocol == bpf_htons(ETH_P_IP))
		return is_ipv4_blocked(next, data_end, drop);
	if (protocol == bpf_htons(ETH_P_IPV6))
		return is_ipv6_blocked(next, data_end, drop);
	return 0;
}

#endif
