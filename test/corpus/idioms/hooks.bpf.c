// SPDX-License-Identifier: Apache-2.0
/* Program types and hooks by the kernel that brought them, each in the least program that the verifier takes. */
#include "idiom.h"

struct bpf_iter__task;
struct pt_regs;

SEC("socket") int any_socket(void *ctx) { return 0; }
SEC("kprobe/vfs_read") int any_kprobe(void *ctx) { return 0; }
SEC("kprobe/bpfship_no_such_function") int any_kprobe_missing(void *ctx) { return 0; }
SEC("kretprobe/vfs_read") int any_kretprobe(void *ctx) { return 0; }
SEC("kprobe.multi/vfs_*") int dep_kprobe_multi(void *ctx) { return 0; }
SEC("uprobe") int any_uprobe(void *ctx) { return 0; }
SEC("uprobe.s//bin/sh:main") int dep_uprobe_sleepable(void *ctx) { return 0; }
SEC("ksyscall/openat") int any_ksyscall(void *ctx) { return 0; }
SEC("tracepoint/sched/sched_switch") int any_tracepoint(void *ctx) { return 0; }
SEC("tracepoint/bpfship/no_such_event") int any_tracepoint_missing(void *ctx) { return 0; }
SEC("raw_tp/sched_switch") int any_raw_tp(void *ctx) { return 0; }
SEC("raw_tp/bpfship_no_such_event") int any_raw_tp_missing(void *ctx) { return 0; }
SEC("raw_tp.w/sched_switch") int any_raw_tp_writable(void *ctx) { return 0; }
SEC("tp_btf/sched_switch") int any_tp_btf(void *ctx) { return 0; }
SEC("tp_btf/bpfship_no_such_event") int bad_tp_btf(void *ctx) { return 0; }
SEC("fentry/vfs_read") int any_fentry(void *ctx) { return 0; }
SEC("fexit/vfs_read") int any_fexit(void *ctx) { return 0; }
SEC("fexit/do_exit") int dep_fexit_noreturn(void *ctx) { return 0; }
SEC("fentry.s/__x64_sys_getpgid") int dep_fentry_sleepable(void *ctx) { return 0; }
SEC("fentry.s/vfs_read") int dep_fentry_sleepable_refused(void *ctx) { return 0; }
SEC("fmod_ret/security_file_open") int any_fmod_ret(void *ctx) { return 0; }
SEC("fmod_ret/vfs_read") int dep_fmod_ret_refused(void *ctx) { return 0; }
SEC("fentry/bpf_map_get_next_key_nosuch") int bad_fentry(void *ctx) { return 0; }
SEC("lsm/file_open") int any_lsm(void *ctx) { return 0; }
SEC("lsm.s/file_open") int any_lsm_sleepable(void *ctx) { return 0; }
SEC("lsm.s/task_free") int dep_lsm_sleepable_refused(void *ctx) { return 0; }
SEC("lsm_cgroup/socket_bind") int dep_lsm_cgroup(void *ctx) { return 1; }
SEC("iter/task") int any_iter(void *ctx) { return 0; }
SEC("iter/cgroup") int dep_iter_cgroup(void *ctx) { return 0; }
SEC("iter/bpfship") int bad_iter(void *ctx) { return 0; }
SEC("iter.s/task") int dep_iter_sleepable(void *ctx) { return 0; }
SEC("syscall") int dep_syscall(void *ctx) { return 0; }
SEC("xdp") int any_xdp(void *ctx) { return XDP_PASS; }
SEC("xdp.frags") int dep_xdp_frags(void *ctx) { return XDP_PASS; }
SEC("xdp/devmap") int any_xdp_devmap(void *ctx) { return XDP_PASS; }
SEC("xdp/cpumap") int any_xdp_cpumap(void *ctx) { return XDP_PASS; }
SEC("tc") int any_tc(void *ctx) { return 0; }
SEC("action") int any_action(void *ctx) { return 0; }
SEC("cgroup_skb/egress") int any_cgroup_skb(void *ctx) { return 1; }
SEC("cgroup/sock_create") int any_cgroup_sock(void *ctx) { return 1; }
SEC("cgroup/connect4") int any_cgroup_connect(void *ctx) { return 1; }
SEC("cgroup/getsockopt") int any_cgroup_sockopt(void *ctx) { return 1; }
SEC("cgroup/sysctl") int any_cgroup_sysctl(void *ctx) { return 1; }
SEC("cgroup/dev") int any_cgroup_device(void *ctx) { return 1; }
SEC("sockops") int any_sockops(void *ctx) { return 0; }
SEC("sk_skb/stream_verdict") int any_sk_skb(void *ctx) { return 1; }
SEC("sk_msg") int any_sk_msg(void *ctx) { return 1; }
SEC("sk_lookup") int any_sk_lookup(void *ctx) { return 1; }
SEC("sk_reuseport/migrate") int dep_sk_reuseport_migrate(void *ctx) { return 1; }
SEC("sk_reuseport") int any_sk_reuseport(void *ctx) { return 1; }
SEC("flow_dissector") int any_flow_dissector(void *ctx) { return 0; }
SEC("lwt_xmit") int any_lwt(void *ctx) { return 0; }
SEC("lirc_mode2") int dep_lirc(void *ctx) { return 0; }
SEC("perf_event") int any_perf_event(void *ctx) { return 0; }
/* Arguments that the kernel's prototype has not. */
SEC("tp_btf/sched_switch") int any_argument(__u64 *ctx) { return ctx[2] != 0; }
SEC("tp_btf/sched_switch") int bad_argument(__u64 *ctx) { return ctx[7] != 0; }
SEC("fentry/vfs_read") int any_fentry_argument(__u64 *ctx) { return ctx[2] != 0; }
SEC("fentry/vfs_read") int bad_fentry_argument(__u64 *ctx) { return ctx[5] != 0; }
SEC("fexit/vfs_read") int any_fexit_return(__u64 *ctx) { return ctx[4] != 0; }
SEC("fexit/vfs_read") int bad_fexit_argument(__u64 *ctx) { return ctx[5] != 0; }
SEC("lsm/file_open") int bad_lsm_return(__u64 *ctx) { return 5; }
SEC("xdp") int dep_xdp_return(void *ctx) { return 77; }
SEC("cgroup_skb/egress") int bad_cgroup_return(void *ctx) { return 9; }
SEC("xdp") int bad_xdp_context(__u64 *ctx) { return ctx[20] != 0; }
