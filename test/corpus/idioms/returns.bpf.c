// SPDX-License-Identifier: Apache-2.0
/* What programs return to their hooks. */
#include "idiom.h"

static __noinline int two(void *ctx) { return unknown() ? 2 : 1; }
static __noinline int sum(int a, int b) { return a + b; }

SEC("cgroup/connect4") int any_connect_1(void *ctx) { return 1; }
SEC("cgroup/connect4") int bad_connect_2(void *ctx) { return 2; }
SEC("cgroup/connect4") int bad_connect_minus(void *ctx) { return -1; }
SEC("cgroup/connect4") int bad_connect_sometimes(void *ctx) { if (unknown() & 1) return 5; return 1; }
SEC("cgroup/connect4") int bad_connect_function(void *ctx) { return two(ctx); }
SEC("cgroup/connect4") int ok_connect_function(void *ctx) { return sum(0, 1); }
SEC("cgroup/connect4") int ok_connect_never(void *ctx) { if (HAS_GONE) return 7; return 1; }
SEC("cgroup/connect4") int ok_connect_masked(void *ctx) { return unknown() & 1; }
SEC("cgroup/bind4") int new_bind_3(void *ctx) { return 3; }
SEC("cgroup/bind4") int bad_bind_4(void *ctx) { return 4; }
SEC("cgroup/recvmsg4") int any_recvmsg_1(void *ctx) { return 1; }
SEC("cgroup/recvmsg4") int bad_recvmsg_0(void *ctx) { return 0; }
SEC("cgroup_skb/egress") int any_egress_3(void *ctx) { return 3; }
SEC("cgroup_skb/ingress") int bad_ingress_3(void *ctx) { return 3; }
SEC("cgroup/getsockopt") int bad_sockopt_2(void *ctx) { return 2; }
SEC("cgroup/sysctl") int bad_sysctl_2(void *ctx) { return 2; }
SEC("cgroup/dev") int bad_device_2(void *ctx) { return 2; }
SEC("sockops") int bad_sockops_2(void *ctx) { return 2; }
SEC("sockops") int any_sockops_1(void *ctx) { return 1; }
SEC("sk_lookup") int bad_lookup_2(void *ctx) { return 2; }
SEC("sk_lookup") int any_lookup_1(void *ctx) { return 1; }
SEC("iter/task") int bad_iter_2(void *ctx) { return 2; }
SEC("iter/task") int any_iter_1(void *ctx) { return 1; }
SEC("fentry/vfs_read") int bad_fentry_1(void *ctx) { return 1; }
SEC("fexit/vfs_read") int bad_fexit_minus(void *ctx) { return -1; }
SEC("fexit/vfs_read") int any_fexit_0(void *ctx) { return 0; }
SEC("tp_btf/sched_switch") int any_tp_btf_1(void *ctx) { return 1; }
SEC("raw_tp/sched_switch") int any_raw_tp_7(void *ctx) { return 7; }
SEC("xdp") int any_xdp_99(void *ctx) { return 99; }
SEC("tc") int any_tc_minus(void *ctx) { return -1; }
SEC("lsm_cgroup/socket_bind") int bad_lsm_cgroup_2(void *ctx) { return 2; }
SEC("netfilter") int dep_netfilter_2(void *ctx) { return 2; }
SEC("cgroup/connect6") __attribute__((naked)) int bad_connect_unset(void *ctx) { asm volatile("exit"); }
SEC("cgroup/connect6") __attribute__((naked)) int bad_connect_unset_way(void *ctx) { asm volatile("r2 = *(u32 *)(r1 + 0); if r2 == 7 goto +1; r0 = 1; exit"); }
