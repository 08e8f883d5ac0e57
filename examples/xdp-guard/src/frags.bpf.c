// SPDX-License-Identifier: GPL-2.0-only
// For packets of several buffers (jumbo frames, hardware receive aggregation): Linux 5.18 and newer.
#include "send-ringbuf.h"
#include "xdp-guard.h"

SEC("xdp.frags")
int xdp_guard(struct xdp_md *ctx)
{
	return guard_packet(ctx, bpf_xdp_get_buff_len(ctx));
}
