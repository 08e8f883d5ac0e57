import type { ProgramAttachment } from '../object/attach.ts';

/** Types that change the network (kernel/bpf/syscall.c, is_net_admin_prog_type). */
const NET_ADMIN = new Set(
  `sched_cls sched_act xdp lwt_in lwt_out lwt_xmit lwt_seg6local sk_skb sk_msg lirc_mode2 flow_dissector cgroup_device cgroup_sock
  cgroup_sock_addr cgroup_sockopt cgroup_sysctl sock_ops ext netfilter`.split(/\s+/),
);
/** Types that look into the kernel (is_perfmon_prog_type). */
const PERFMON = new Set(
  'kprobe tracepoint perf_event raw_tracepoint raw_tracepoint_writable tracing lsm struct_ops ext'.split(' '),
);

/**
 * Capabilities that loading a program of the type takes (bpf_prog_load); CAP_SYS_ADMIN stands for each. Socket filters and cgroup_skb
 * programs load without any where the machine lets everybody load them, which few do.
 */
export function capabilitiesOf({ type }: ProgramAttachment): string[] {
  return ['CAP_BPF', ...(NET_ADMIN.has(type) ? ['CAP_NET_ADMIN'] : []), ...(PERFMON.has(type) ? ['CAP_PERFMON'] : [])];
}
