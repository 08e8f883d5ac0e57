// SPDX-License-Identifier: Apache-2.0
/* An object whose licence does not go with the GPL. */
#define LICENCE "Proprietary"
#include "idiom.h"

HOOK int ok_no_helper(void *ctx) { return 0; }
HOOK int ok_free_helper(void *ctx) { return bpf_get_smp_processor_id(); }
HOOK int bad_current_task(void *ctx) { return !bpf_get_current_task(); }
HOOK int bad_read(void *ctx) { char text[8]; return bpf_probe_read_kernel(text, 8, ctx); }
HOOK int ok_read_guarded(void *ctx) { char text[8]; if (HAS_GONE) return bpf_probe_read_kernel(text, 8, ctx); return 0; }
SEC("xdp") int ok_xdp(struct xdp_md *ctx) { return XDP_PASS; }
SEC("xdp") int bad_xdp_print(struct xdp_md *ctx) { bpf_printk("seen"); return XDP_PASS; }
SEC("tc") int ok_tc(struct __sk_buff *ctx) { return bpf_skb_change_type(ctx, 0) ? 0 : 1; }
SEC("tc") int bad_tc_route(struct __sk_buff *ctx) { struct bpf_fib_lookup route = {}; return bpf_fib_lookup(ctx, &route, sizeof(route), 0) ? 0 : 1; }
SEC("cgroup/connect4") int ok_connect(struct bpf_sock_addr *ctx) { return 1; }
SEC("lsm/file_open") int bad_lsm(void *ctx) { return 0; }
