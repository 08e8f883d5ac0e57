// SPDX-License-Identifier: Apache-2.0
/* Accesses to packets: what is compared with the packet's end, and what is not. */
#include "idiom.h"

#define XDP SEC("xdp")
#define TC SEC("tc")
#define hide(x) asm volatile("" : "+r"(x))
#define PACKET char *data = (char *)(long)ctx->data, *end = (char *)(long)ctx->data_end

XDP int ok_checked(struct xdp_md *ctx) { PACKET; if (data + 14 > end) return 0; return data[13]; }
XDP int bad_unchecked(struct xdp_md *ctx) { PACKET; return data[0]; }
XDP int any_checked_short(struct xdp_md *ctx) { PACKET; if (data + 14 > end) return 0; return data[14]; }
XDP int ok_checked_mirrored(struct xdp_md *ctx) { PACKET; if (end < data + 14) return 0; return data[13]; }
XDP int any_checked_less(struct xdp_md *ctx) { PACKET; if (data + 14 < end) return data[13]; return 0; }
XDP int ok_checked_twice(struct xdp_md *ctx) { PACKET; if (data + 14 > end) return 0; bpf_ktime_get_ns(); if (data + 34 > end) return 1; return data[33]; }
XDP int any_beyond_twice(struct xdp_md *ctx) { PACKET; char *p = data + 14; hide(p); if (p > end) { if (p > end) return 1; return data[0]; } return 0; }
XDP int ok_length(struct xdp_md *ctx) { PACKET; if (data + 14 > end) return 0; __u64 n = (*(unsigned char *)data & 15) * 4; hide(n); char *p = data + 14 + n; if (p + 8 > end) return 0; return p[7]; }
XDP int bad_length_32(struct xdp_md *ctx) { PACKET; if (data + 14 > end) return 0; __u64 n = *(__u32 *)data; hide(n); char *p = data + n; hide(p); if (p + 8 > end) return 0; return p[7]; }
XDP int bad_length_64(struct xdp_md *ctx) { PACKET; __u64 n = bpf_ktime_get_ns(); hide(n); char *p = data + n; hide(p); if (p + 8 > end) return 0; return p[7]; }
XDP int any_length_16(struct xdp_md *ctx) { PACKET; if (data + 14 > end) return 0; __u64 n = *(__u16 *)data; hide(n); char *p = data + n; hide(p); if (p + 8 > end) return 0; return p[7]; }
XDP int bad_length_signed(struct xdp_md *ctx) { PACKET; if (data + 14 > end) return 0; long n = *(signed char *)data; hide(n); char *p = data + n; hide(p); if (p + 8 > end) return 0; return p[7]; }
XDP int any_length_swapped(struct xdp_md *ctx) { PACKET; if (data + 14 > end) return 0; __u64 n = __builtin_bswap16(*(__u16 *)data); hide(n); if (n > 1000) return 0; char *p = data + n; hide(p); if (p + 8 > end) return 0; return p[7]; }
XDP int any_length_difference(struct xdp_md *ctx) { PACKET; __u64 n = end - data; hide(n); if (n < 14) return 0; return data[13]; }
XDP int any_loop(struct xdp_md *ctx)
{
	PACKET;
	long sum = 0;

#pragma clang loop unroll(disable)
	for (int i = 0; i < 8; i++) {
		if (data + i + 1 > end)
			break;
		sum += data[i];
	}
	return sum;
}
XDP int any_vlan(struct xdp_md *ctx)
{
	PACKET;

	data += 12;
#pragma clang loop unroll(full)
	for (int i = 0; i < 3; i++) {
		if (data + 4 > end)
			return 0;
		if (*(__u16 *)data != 0x81)
			break;
		data += 4;
	}
	return *(__u16 *)data;
}
XDP int any_metadata(struct xdp_md *ctx) { char *data = (char *)(long)ctx->data, *meta = (char *)(long)ctx->data_meta; if (meta + 4 > data) return 0; return meta[3]; }
XDP int bad_metadata(struct xdp_md *ctx) { char *meta = (char *)(long)ctx->data_meta; return meta[3]; }
XDP int bad_after_adjust(struct xdp_md *ctx) { PACKET; if (data + 14 > end) return 0; bpf_xdp_adjust_head(ctx, 4); return data[0]; }
XDP int ok_after_adjust(struct xdp_md *ctx) { bpf_xdp_adjust_head(ctx, 4); PACKET; if (data + 14 > end) return 0; return data[0]; }
XDP int ok_null_test(struct xdp_md *ctx) { PACKET; if (!data) return data[0]; return 0; }
TC int ok_tc_checked(struct __sk_buff *ctx) { PACKET; if (data + 14 > end) return 0; return data[13]; }
TC int bad_tc_unchecked(struct __sk_buff *ctx) { PACKET; return data[0]; }
TC int ok_tc_loaded(struct __sk_buff *ctx) { char text[16]; __u64 n = ctx->len & 15; hide(n); return bpf_skb_load_bytes(ctx, 0, text, n + 1); }
TC int bad_tc_loaded(struct __sk_buff *ctx) { char text[16]; __u64 n = ctx->len; hide(n); return bpf_skb_load_bytes(ctx, 0, text, n); }
TC int any_tc_stored(struct __sk_buff *ctx) { PACKET; if (data + 14 > end) return 0; data[0] = 1; return 0; }
