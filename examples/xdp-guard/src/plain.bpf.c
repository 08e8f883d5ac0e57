// SPDX-License-Identifier: GPL-2.0-only
// For packets of one buffer: any older kernel with XDP.
#include "send-perf.h"
#include "xdp-guard.h"

SEC("xdp")
int xdp_guard(struct xdp_md *ctx)
{
	return guard_packet(ctx, ctx->data_end - ctx->data);
}
