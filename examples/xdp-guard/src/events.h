/* SPDX-License-Identifier: GPL-2.0-only */
/* What user space gets; readers decode it by the BTF of this structure. The layout never changes: see exec-watch's events.h. */
#ifndef XDP_GUARD_EVENTS_H
#define XDP_GUARD_EVENTS_H

#include <linux/types.h>

/* A packet was dropped. Addresses of the other IP version are zero. */
struct drop_event {
	__u64 timestamp_ns; /* CLOCK_MONOTONIC */
	__u32 ifindex;
	__u32 length; /* bytes, with the Ethernet header */
	__u8 ip_version;
	__u8 ip_protocol; /* 6 TCP, 17 UDP, 1 and 58 ICMP; for IPv6 the first next-header */
	__u8 ipv4_source[4];
	__u8 ipv4_destination[4];
	__u8 ipv6_source[16];
	__u8 ipv6_destination[16];
	__u8 reserved[6];
};

#endif
