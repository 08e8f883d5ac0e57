// SPDX-License-Identifier: Apache-2.0
/* What programs do with their context: fields by kernel, program type, attach type, direction and size. */
#include "idiom.h"

#define HAS_HWTSTAMP bpf_core_field_exists(struct __sk_buff___hw, hwtstamp)
struct __sk_buff___hw { __u64 hwtstamp; } core;
#define AT(type, offset) (*(volatile type *)((char *)ctx + (offset)))
#define READ(name, section, type, offset) SEC(section) int name(void *ctx) { return AT(type, offset) ? 1 : 1; }
#define WRITE(name, section, type, offset) SEC(section) int name(void *ctx) { AT(type, offset) = opaque((type)1); return 1; }

/* struct __sk_buff */
READ(ok_socket_mark, "socket", __u32, 8)
READ(bad_socket_data, "socket", __u32, 76)
READ(bad_socket_family, "socket", __u32, 88)
READ(bad_socket_tstamp, "socket", __u64, 152)
READ(dep_socket_gso_size, "socket", __u32, 176)
READ(bad_socket_mark_wide, "socket", __u64, 8)
READ(dep_socket_cb_wide, "socket", __u64, 48)
READ(dep_socket_len_byte, "socket", __u8, 0)
READ(dep_socket_len_second_byte, "socket", __u8, 1)
READ(bad_socket_beyond, "socket", __u32, 400)
WRITE(bad_socket_write_mark, "socket", __u32, 8)
WRITE(ok_socket_write_cb, "socket", __u32, 52)
WRITE(dep_socket_write_cb_wide, "socket", __u64, 48)
READ(any_tc_sk, "tc", __u64, 168)
READ(any_tc_tstamp, "tc", __u64, 152)
READ(dep_tc_tstamp_type, "tc", __u8, 180)
READ(dep_tc_tstamp_type_wide, "tc", __u32, 180)
READ(dep_tc_hwtstamp, "tc", __u64, 184)
READ(bad_tc_hwtstamp_half, "tc", __u32, 184)
READ(bad_tc_family, "tc", __u32, 88)
READ(bad_tc_flow_keys, "tc", __u64, 144)
WRITE(dep_tc_write_queue_mapping, "tc", __u32, 12)
WRITE(ok_tc_write_mark, "tc", __u32, 8)
WRITE(bad_tc_write_len, "tc", __u32, 0)
WRITE(dep_tc_write_tstamp, "tc", __u64, 152)
WRITE(bad_tc_write_tstamp_type, "tc", __u8, 180)
READ(bad_tc_beyond, "tc", __u32, 192)
READ(ok_action_classid, "action", __u32, 72)
READ(bad_cgroup_skb_classid, "cgroup_skb/egress", __u32, 72)
READ(any_cgroup_skb_family, "cgroup_skb/egress", __u32, 88)
READ(dep_cgroup_skb_hwtstamp, "cgroup_skb/egress", __u64, 184)
READ(dep_cgroup_skb_tstamp, "cgroup_skb/egress", __u64, 152)
WRITE(dep_cgroup_skb_write_tstamp, "cgroup_skb/egress", __u64, 152)
READ(bad_sk_skb_classid, "sk_skb/stream_verdict", __u32, 72)
READ(dep_sk_skb_mark, "sk_skb/stream_verdict", __u32, 8)
READ(bad_lwt_family, "lwt_xmit", __u32, 88)
READ(any_flow_keys, "flow_dissector", __u64, 144)
READ(bad_flow_len, "flow_dissector", __u32, 0)
SEC("tc") int dep_tc_guarded_hwtstamp(struct __sk_buff *ctx) { if (HAS_HWTSTAMP) return AT(__u64, 184) != 0; return 0; }
SEC("tc") int bad_tc_guarded_wrong(struct __sk_buff *ctx) { if (HAS_PID) return AT(__u32, 88) != 0; return 0; }
SEC("tc") int ok_tc_guarded_wrong(struct __sk_buff *ctx) { if (HAS_GONE) return AT(__u32, 88) != 0; return 0; }
static __noinline int family_of(void *ctx) { return AT(__u32, 88); }
SEC("tc") int bad_tc_family_in_function(struct __sk_buff *ctx) { return family_of(ctx); }
SEC("cgroup_skb/ingress") int ok_skb_family_in_function(struct __sk_buff *ctx) { return family_of(ctx) != 7; }
SEC("tc") int bad_tc_family_spilled(struct __sk_buff *ctx)
{
	void *volatile kept = ctx;

	bpf_ktime_get_ns();
	return ((volatile struct __sk_buff *)kept)->family;
}
SEC("tc") int dep_tc_write_number(struct __sk_buff *ctx) { ctx->mark = 5; return 0; }
SEC("tc") int bad_tc_odd(void *ctx) { return AT(__u32, 2); }

#define MOVED(name, section, by)                                                                                                   \
	SEC(section) int name(void *ctx)                                                                                           \
	{                                                                                                                          \
		asm volatile("%0 += " #by : "+r"(ctx));                                                                            \
		return *(volatile __u32 *)ctx ? 1 : 1;                                                                             \
	}
MOVED(dep_tc_moved, "tc", 8)
MOVED(dep_sock_ops_moved, "sockops", 44)
MOVED(dep_tracepoint_moved, "tracepoint/sched/sched_switch", 8)
MOVED(dep_syscall_moved, "syscall", 8)
SEC("tp_btf/sched_switch") int dep_tp_btf_moved(__u64 *ctx) { asm volatile("%0 += 16" : "+r"(ctx)); return *(volatile __u64 *)ctx ? 0 : 0; }

/* struct xdp_md */
READ(ok_xdp_rx_queue, "xdp", __u32, 16)
READ(bad_xdp_egress, "xdp", __u32, 20)
READ(dep_xdp_egress_devmap, "xdp/devmap", __u32, 20)
READ(bad_xdp_half, "xdp", __u16, 12)
WRITE(bad_xdp_write, "xdp", __u32, 12)
WRITE(bad_xdp_write_queue, "xdp", __u32, 16)

/* struct bpf_sock_ops */
READ(ok_sock_ops_state, "sockops", __u32, 88)
READ(any_sock_ops_sk, "sockops", __u64, 184)
READ(dep_sock_ops_skb_data, "sockops", __u64, 192)
READ(dep_sock_ops_skb_len, "sockops", __u32, 208)
READ(dep_sock_ops_skb_flags, "sockops", __u32, 212)
READ(dep_sock_ops_skb_hwtstamp, "sockops", __u64, 216)
READ(bad_sock_ops_half, "sockops", __u16, 88)
WRITE(ok_sock_ops_reply, "sockops", __u32, 4)
WRITE(bad_sock_ops_write_state, "sockops", __u32, 88)
WRITE(any_sock_ops_write_txhash, "sockops", __u32, 164)

/* struct bpf_sock, bpf_sock_addr */
READ(ok_sock_family, "cgroup/sock_create", __u32, 4)
READ(dep_sock_mark, "cgroup/sock_create", __u32, 16)
READ(bad_sock_create_source, "cgroup/sock_create", __u32, 24)
READ(any_post_bind_source, "cgroup/post_bind4", __u32, 24)
READ(bad_post_bind_source6, "cgroup/post_bind4", __u32, 28)
READ(dep_sock_rx_queue, "cgroup/sock_create", __u32, 76)
WRITE(any_sock_write_mark, "cgroup/sock_create", __u32, 16)
WRITE(bad_post_bind_write_mark, "cgroup/post_bind4", __u32, 16)
READ(any_connect4_ip, "cgroup/connect4", __u32, 4)
READ(bad_connect4_ip6, "cgroup/connect4", __u32, 8)
READ(any_connect6_ip6, "cgroup/connect6", __u64, 8)
READ(bad_connect4_source, "cgroup/connect4", __u32, 40)
READ(any_sendmsg4_source, "cgroup/sendmsg4", __u32, 40)
READ(any_connect4_sk, "cgroup/connect4", __u64, 64)
WRITE(any_connect4_write_port, "cgroup/connect4", __u32, 24)
WRITE(bad_connect4_write_family, "cgroup/connect4", __u32, 28)
WRITE(dep_getsockname4_write_ip, "cgroup/getsockname4", __u32, 4)

/* others */
READ(any_sockopt_optval, "cgroup/getsockopt", __u64, 8)
READ(any_getsockopt_retval, "cgroup/getsockopt", __u32, 36)
READ(bad_setsockopt_retval, "cgroup/setsockopt", __u32, 36)
WRITE(any_setsockopt_level, "cgroup/setsockopt", __u32, 24)
WRITE(bad_getsockopt_level, "cgroup/getsockopt", __u32, 24)
READ(ok_sysctl_write, "cgroup/sysctl", __u32, 0)
WRITE(any_sysctl_pos, "cgroup/sysctl", __u32, 4)
READ(ok_device, "cgroup/dev", __u32, 4)
READ(bad_device, "cgroup/dev", __u32, 12)
READ(ok_sk_msg_family, "sk_msg", __u32, 16)
READ(dep_sk_msg_sk, "sk_msg", __u64, 72)
READ(ok_reuseport_hash, "sk_reuseport", __u32, 32)
READ(dep_reuseport_sk, "sk_reuseport", __u64, 40)
READ(dep_reuseport_migrating, "sk_reuseport/migrate", __u64, 48)
READ(dep_lookup_family, "sk_lookup", __u32, 8)
READ(dep_lookup_ifindex, "sk_lookup", __u32, 64)
READ(dep_lookup_cookie, "sk_lookup", __u64, 0)
READ(dep_lookup_remote_port, "sk_lookup", __u16, 36)
READ(dep_lookup_remote_port_wide, "sk_lookup", __u32, 36)
READ(ok_kprobe, "kprobe/vfs_read", __u64, 112)
READ(bad_kprobe_beyond, "kprobe/vfs_read", __u64, 168)
WRITE(dep_kprobe_write, "kprobe/vfs_read", __u64, 112)
READ(ok_tracepoint, "tracepoint/sched/sched_switch", __u32, 8)
READ(bad_tracepoint_start, "tracepoint/sched/sched_switch", __u32, 4)
READ(bad_tracepoint_far, "tracepoint/sched/sched_switch", __u32, 9000)
WRITE(bad_tracepoint_write, "tracepoint/sched/sched_switch", __u32, 8)
READ(ok_raw_tracepoint, "raw_tp/sched_switch", __u64, 16)
READ(bad_raw_tracepoint, "raw_tp/sched_switch", __u64, 96)
WRITE(bad_raw_tracepoint_write, "raw_tp/sched_switch", __u64, 16)
READ(ok_perf_event, "perf_event", __u64, 112)
READ(any_perf_event_period, "perf_event", __u64, 168)
READ(bad_perf_event, "perf_event", __u64, 184)
