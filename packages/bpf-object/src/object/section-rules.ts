/** What a section name says of the programs in it. */
export interface SectionRule {
  /** The name; a `+` at its end stands for nothing more, or `/` and a target. */
  section: string;
  /** libbpf's program type name. */
  type: string;
  /** libbpf's attach type name, where the section sets one. */
  attachType?: string;
  sleepable?: true;
  /** XDP program that takes packets of several buffers. */
  frags?: true;
  /** Kind of kernel hook that the part after `/` names. */
  hook?: string;
}

type Flag = 'sleepable' | 'frags';
type Row = readonly [
  section: string,
  type: string,
  attachType?: string | undefined,
  hook?: string | undefined,
  flag?: Flag,
];

/**
 * libbpf's section names (docs.kernel.org, "Program Types and ELF Sections"; order counts: the first that fits wins).
 * Hooks are named where the target is the kernel's; uprobes and USDT name user programs, freplace names a BPF program.
 */
const ROWS: readonly Row[] = [
  ['socket', 'socket_filter'],
  ['sk_reuseport/migrate', 'sk_reuseport', 'sk_reuseport_select_or_migrate'],
  ['sk_reuseport', 'sk_reuseport', 'sk_reuseport_select'],
  ['kprobe+', 'kprobe', undefined, 'kprobe'],
  ['uprobe+', 'kprobe'],
  ['uprobe.s+', 'kprobe', undefined, undefined, 'sleepable'],
  ['kretprobe+', 'kprobe', undefined, 'kretprobe'],
  ['uretprobe+', 'kprobe'],
  ['uretprobe.s+', 'kprobe', undefined, undefined, 'sleepable'],
  ['kprobe.multi+', 'kprobe', 'trace_kprobe_multi', 'kprobe-multi'],
  ['kretprobe.multi+', 'kprobe', 'trace_kprobe_multi', 'kretprobe-multi'],
  ['kprobe.session+', 'kprobe', 'trace_kprobe_session', 'kprobe-session'],
  ['uprobe.multi+', 'kprobe', 'trace_uprobe_multi'],
  ['uretprobe.multi+', 'kprobe', 'trace_uprobe_multi'],
  ['uprobe.session+', 'kprobe', 'trace_uprobe_session'],
  ['uprobe.multi.s+', 'kprobe', 'trace_uprobe_multi', undefined, 'sleepable'],
  ['uretprobe.multi.s+', 'kprobe', 'trace_uprobe_multi', undefined, 'sleepable'],
  ['uprobe.session.s+', 'kprobe', 'trace_uprobe_session', undefined, 'sleepable'],
  ['ksyscall+', 'kprobe', undefined, 'ksyscall'],
  ['kretsyscall+', 'kprobe', undefined, 'kretsyscall'],
  ['usdt+', 'kprobe'],
  ['usdt.s+', 'kprobe', undefined, undefined, 'sleepable'],
  ['tc/ingress', 'sched_cls', 'tcx_ingress'],
  ['tc/egress', 'sched_cls', 'tcx_egress'],
  ['tcx/ingress', 'sched_cls', 'tcx_ingress'],
  ['tcx/egress', 'sched_cls', 'tcx_egress'],
  ['tc', 'sched_cls'],
  ['classifier', 'sched_cls'],
  ['action', 'sched_act'],
  ['netkit/primary', 'sched_cls', 'netkit_primary'],
  ['netkit/peer', 'sched_cls', 'netkit_peer'],
  ['tracepoint+', 'tracepoint', undefined, 'tracepoint'],
  ['tp+', 'tracepoint', undefined, 'tracepoint'],
  ['raw_tracepoint+', 'raw_tracepoint', undefined, 'raw-tracepoint'],
  ['raw_tp+', 'raw_tracepoint', undefined, 'raw-tracepoint'],
  ['raw_tracepoint.w+', 'raw_tracepoint_writable', undefined, 'raw-tracepoint'],
  ['raw_tp.w+', 'raw_tracepoint_writable', undefined, 'raw-tracepoint'],
  ['tp_btf+', 'tracing', 'trace_raw_tp', 'btf-tracepoint'],
  ['fentry+', 'tracing', 'trace_fentry', 'fentry'],
  ['fmod_ret+', 'tracing', 'modify_return', 'fmod-ret'],
  ['fexit+', 'tracing', 'trace_fexit', 'fexit'],
  ['fentry.s+', 'tracing', 'trace_fentry', 'fentry', 'sleepable'],
  ['fmod_ret.s+', 'tracing', 'modify_return', 'fmod-ret', 'sleepable'],
  ['fexit.s+', 'tracing', 'trace_fexit', 'fexit', 'sleepable'],
  ['freplace+', 'ext'],
  ['lsm+', 'lsm', 'lsm_mac', 'lsm'],
  ['lsm.s+', 'lsm', 'lsm_mac', 'lsm', 'sleepable'],
  ['lsm_cgroup+', 'lsm', 'lsm_cgroup', 'lsm-cgroup'],
  ['iter+', 'tracing', 'trace_iter', 'iter'],
  ['iter.s+', 'tracing', 'trace_iter', 'iter', 'sleepable'],
  ['syscall', 'syscall', undefined, undefined, 'sleepable'],
  ['xdp.frags/devmap', 'xdp', 'xdp_devmap', undefined, 'frags'],
  ['xdp/devmap', 'xdp', 'xdp_devmap'],
  ['xdp.frags/cpumap', 'xdp', 'xdp_cpumap', undefined, 'frags'],
  ['xdp/cpumap', 'xdp', 'xdp_cpumap'],
  ['xdp.frags', 'xdp', 'xdp', undefined, 'frags'],
  ['xdp', 'xdp', 'xdp'],
  ['perf_event', 'perf_event'],
  ['lwt_in', 'lwt_in'],
  ['lwt_out', 'lwt_out'],
  ['lwt_xmit', 'lwt_xmit'],
  ['lwt_seg6local', 'lwt_seg6local'],
  ['sockops', 'sock_ops', 'cgroup_sock_ops'],
  ['sk_skb/stream_parser', 'sk_skb', 'sk_skb_stream_parser'],
  ['sk_skb/stream_verdict', 'sk_skb', 'sk_skb_stream_verdict'],
  ['sk_skb/verdict', 'sk_skb', 'sk_skb_verdict'],
  ['sk_skb', 'sk_skb'],
  ['sk_msg', 'sk_msg', 'sk_msg_verdict'],
  ['lirc_mode2', 'lirc_mode2', 'lirc_mode2'],
  ['flow_dissector', 'flow_dissector', 'flow_dissector'],
  ['cgroup_skb/ingress', 'cgroup_skb', 'cgroup_inet_ingress'],
  ['cgroup_skb/egress', 'cgroup_skb', 'cgroup_inet_egress'],
  ['cgroup/skb', 'cgroup_skb'],
  ['cgroup/sock_create', 'cgroup_sock', 'cgroup_inet_sock_create'],
  ['cgroup/sock_release', 'cgroup_sock', 'cgroup_inet_sock_release'],
  ['cgroup/sock', 'cgroup_sock', 'cgroup_inet_sock_create'],
  ['cgroup/post_bind4', 'cgroup_sock', 'cgroup_inet4_post_bind'],
  ['cgroup/post_bind6', 'cgroup_sock', 'cgroup_inet6_post_bind'],
  ['cgroup/bind4', 'cgroup_sock_addr', 'cgroup_inet4_bind'],
  ['cgroup/bind6', 'cgroup_sock_addr', 'cgroup_inet6_bind'],
  ['cgroup/connect4', 'cgroup_sock_addr', 'cgroup_inet4_connect'],
  ['cgroup/connect6', 'cgroup_sock_addr', 'cgroup_inet6_connect'],
  ['cgroup/connect_unix', 'cgroup_sock_addr', 'cgroup_unix_connect'],
  ['cgroup/sendmsg4', 'cgroup_sock_addr', 'cgroup_udp4_sendmsg'],
  ['cgroup/sendmsg6', 'cgroup_sock_addr', 'cgroup_udp6_sendmsg'],
  ['cgroup/sendmsg_unix', 'cgroup_sock_addr', 'cgroup_unix_sendmsg'],
  ['cgroup/recvmsg4', 'cgroup_sock_addr', 'cgroup_udp4_recvmsg'],
  ['cgroup/recvmsg6', 'cgroup_sock_addr', 'cgroup_udp6_recvmsg'],
  ['cgroup/recvmsg_unix', 'cgroup_sock_addr', 'cgroup_unix_recvmsg'],
  ['cgroup/getpeername4', 'cgroup_sock_addr', 'cgroup_inet4_getpeername'],
  ['cgroup/getpeername6', 'cgroup_sock_addr', 'cgroup_inet6_getpeername'],
  ['cgroup/getpeername_unix', 'cgroup_sock_addr', 'cgroup_unix_getpeername'],
  ['cgroup/getsockname4', 'cgroup_sock_addr', 'cgroup_inet4_getsockname'],
  ['cgroup/getsockname6', 'cgroup_sock_addr', 'cgroup_inet6_getsockname'],
  ['cgroup/getsockname_unix', 'cgroup_sock_addr', 'cgroup_unix_getsockname'],
  ['cgroup/sysctl', 'cgroup_sysctl', 'cgroup_sysctl'],
  ['cgroup/getsockopt', 'cgroup_sockopt', 'cgroup_getsockopt'],
  ['cgroup/setsockopt', 'cgroup_sockopt', 'cgroup_setsockopt'],
  ['cgroup/dev', 'cgroup_device', 'cgroup_device'],
  ['struct_ops+', 'struct_ops', 'struct_ops'],
  ['struct_ops.s+', 'struct_ops', 'struct_ops', undefined, 'sleepable'],
  ['sk_lookup', 'sk_lookup', 'sk_lookup'],
  ['netfilter', 'netfilter', 'netfilter'],
];

/** The table by rule. */
export const SECTION_RULES: readonly SectionRule[] = ROWS.map(([section, type, attachType, hook, flag]) => ({
  section,
  type,
  ...(attachType === undefined ? {} : { attachType }),
  ...(hook === undefined ? {} : { hook }),
  ...(flag === undefined ? {} : { [flag]: true }),
}));
