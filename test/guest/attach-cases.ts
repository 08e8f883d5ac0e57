/** What makes a program run, in the guest. */
export type Stirring = 'open' | 'call' | 'send' | 'listen' | 'connect' | 'read' | 'wait' | 'netkit';

/** One way of attaching, tried on every kernel. */
export interface AttachCase {
  name: string;
  /** Of `hit`, the counting program. */
  section: string;
  /** C type of its context. Default `void`. */
  context?: string;
  /** C before the program. */
  before?: string;
  result?: number;
  /** Targets that are looked up at load. */
  targets?: { symbol: string; programPin?: string };
  options?: Record<string, unknown>;
  stir: Stirring;
  /** The struct_ops map that is attached in the place of a program. */
  map?: string;
  /** Kernel series → way, or `-` where the kernel cannot; the newest series not beyond the kernel's counts. */
  ways: Record<string, string>;
}

const LIBRARY = '/work/libbump.so';
const EVENTS = { '5.10': 'perf-event-array', '6.1': 'link' };
const LINK = { '5.10': 'link' };
const SINCE_6_12 = { '5.10': '-', '6.12': 'link' };
const SKB = 'struct __sk_buff';
export const USDT_HEAD = `#define __TARGET_ARCH_x86
#include <stdbool.h>
#include <linux/ptrace.h>
#include <bpf/bpf_tracing.h>
#include <bpf/usdt.bpf.h>`;
const SOCKETS = `struct { __uint(type, BPF_MAP_TYPE_SOCKMAP); __uint(max_entries, 8); __type(key, __u32); __type(value, __u64); } sockets SEC(".maps");`;

/** C of a congestion control that counts its connections, in the section of a struct_ops. */
function congestionControl(section: string, name: string): Pick<AttachCase, 'before'> & { after: string } {
  return {
    before: `struct sock; struct tcp_congestion_ops { __u32 (*ssthresh)(struct sock *); void (*cong_avoid)(struct sock *, __u32, __u32);
__u32 (*undo_cwnd)(struct sock *); void (*init)(struct sock *); char name[16]; };
SEC("struct_ops/ssthresh") __u32 ssthresh(__u64 *ctx) { return 2; }
SEC("struct_ops/cong_avoid") void cong_avoid(__u64 *ctx) {}
SEC("struct_ops/undo_cwnd") __u32 undo_cwnd(__u64 *ctx) { return 2; }`,
    after: `SEC("${section}") struct tcp_congestion_ops ops = { .ssthresh = (void *)ssthresh, .cong_avoid = (void *)cong_avoid,
.undo_cwnd = (void *)undo_cwnd, .init = (void *)hit, .name = "${name}" };`,
  };
}

/** C that follows the program: what names it. By the case's name. */
export const AFTER: Readonly<Record<string, string>> = {
  struct_ops: congestionControl('.struct_ops', 'bpf_hit').after,
  'struct_ops.link': congestionControl('.struct_ops.link', 'bpf_hit').after,
  sched_ext: 'SEC(".struct_ops.link") struct sched_ext_ops ops = { .running = (void *)hit, .name = "hit" };',
};

export const ATTACH_CASES: readonly AttachCase[] = [
  { name: 'kprobe', section: 'kprobe/vfs_open', stir: 'open', ways: EVENTS },
  {
    name: 'kprobe at run time',
    section: 'kprobe',
    options: { symbol: 'vfs_open', offset: 0 },
    stir: 'open',
    ways: EVENTS,
  },
  { name: 'kretprobe', section: 'kretprobe/vfs_open', stir: 'open', ways: EVENTS },
  { name: 'ksyscall', section: 'ksyscall/openat', stir: 'open', ways: EVENTS },
  { name: 'kretsyscall', section: 'kretsyscall/openat', stir: 'open', ways: EVENTS },
  { name: 'tracepoint', section: 'tp/syscalls/sys_enter_openat', stir: 'open', ways: EVENTS },
  { name: 'perf_event', section: 'perf_event', options: { sampleFrequency: 500 }, stir: 'wait', ways: EVENTS },
  { name: 'uprobe', section: `uprobe/${LIBRARY}:bump`, stir: 'call', ways: EVENTS },
  {
    name: 'uretprobe',
    section: 'uretprobe',
    options: { binaryPath: LIBRARY, symbol: 'bump' },
    stir: 'call',
    ways: EVENTS,
  },
  { name: 'uprobe.multi', section: `uprobe.multi/${LIBRARY}:bump*`, stir: 'call', ways: EVENTS },
  {
    name: 'usdt',
    section: 'usdt',
    context: 'struct pt_regs',
    before: USDT_HEAD,
    options: { binaryPath: LIBRARY, provider: 'bump', symbol: 'probe', pid: 'caller' },
    stir: 'call',
    ways: EVENTS,
  },
  { name: 'kprobe.multi', section: 'kprobe.multi/vfs_ope*', stir: 'open', ways: EVENTS },
  { name: 'kretprobe.multi', section: 'kretprobe.multi/vfs_ope*', stir: 'open', ways: EVENTS },
  { name: 'kprobe.session', section: 'kprobe.session/vfs_ope*', stir: 'open', ways: SINCE_6_12 },
  { name: 'raw_tp', section: 'raw_tp/sys_enter', stir: 'open', ways: LINK },
  { name: 'tp_btf', section: 'tp_btf/sys_enter', stir: 'open', ways: LINK },
  { name: 'fentry', section: 'fentry/vfs_open', stir: 'open', ways: LINK },
  { name: 'fentry at run time', section: 'fentry', targets: { symbol: 'vfs_open' }, stir: 'open', ways: LINK },
  { name: 'fexit', section: 'fexit/vfs_open', stir: 'open', ways: LINK },
  { name: 'fmod_ret', section: 'fmod_ret/security_file_open', stir: 'open', ways: LINK },
  { name: 'lsm', section: 'lsm/file_open', stir: 'open', ways: LINK },
  {
    name: 'lsm_cgroup',
    section: 'lsm_cgroup/socket_bind',
    result: 1,
    options: { cgroupPath: '/sys/fs/cgroup' },
    stir: 'listen',
    ways: { '5.10': '-', '6.1': 'link' },
  },
  {
    name: 'freplace',
    section: 'freplace',
    context: 'struct xdp_md',
    result: 2,
    targets: { symbol: 'replaced', programPin: '/sys/fs/bpf/replaceable' },
    stir: 'send',
    ways: LINK,
  },
  {
    name: 'xdp',
    section: 'xdp',
    context: 'struct xdp_md',
    result: 2,
    options: { interfaceName: 'lo', xdpMode: 'generic' },
    stir: 'send',
    ways: LINK,
  },
  {
    name: 'tc',
    section: 'tc',
    context: SKB,
    result: -1,
    options: { interfaceName: 'lo' },
    stir: 'send',
    ways: { '5.10': 'tc-filter', '6.12': 'link' },
  },
  {
    name: 'tcx/egress',
    section: 'tcx/egress',
    context: SKB,
    result: -1,
    options: { interfaceName: 'lo' },
    stir: 'send',
    ways: { '5.10': 'tc-filter', '6.12': 'link' },
  },
  {
    name: 'netkit',
    section: 'netkit/primary',
    context: SKB,
    result: -1,
    options: { interfaceName: 'netkit0' },
    stir: 'netkit',
    ways: SINCE_6_12,
  },
  {
    name: 'cgroup_skb',
    section: 'cgroup_skb/egress',
    context: SKB,
    result: 1,
    options: { cgroupPath: '/sys/fs/cgroup' },
    stir: 'send',
    ways: LINK,
  },
  {
    name: 'cgroup bind',
    section: 'cgroup/bind4',
    context: 'struct bpf_sock_addr',
    result: 1,
    options: { cgroupPath: '/sys/fs/cgroup' },
    stir: 'listen',
    ways: LINK,
  },
  {
    name: 'sockops',
    section: 'sockops',
    context: 'struct bpf_sock_ops',
    result: 1,
    options: { cgroupPath: '/sys/fs/cgroup' },
    stir: 'listen',
    ways: LINK,
  },
  {
    name: 'socket filter',
    section: 'socket',
    context: SKB,
    options: { interfaceName: 'lo' },
    stir: 'send',
    ways: { '5.10': 'holder' },
  },
  { name: 'sk_lookup', section: 'sk_lookup', context: 'struct bpf_sk_lookup', result: 1, stir: 'send', ways: LINK },
  { name: 'flow_dissector', section: 'flow_dissector', context: SKB, result: 129, stir: 'wait', ways: LINK },
  {
    name: 'sk_msg',
    section: 'sk_msg',
    context: 'struct sk_msg_md',
    result: 1,
    before: SOCKETS,
    stir: 'wait',
    ways: { '5.10': 'program-attach', '6.12': 'link' },
  },
  {
    name: 'netfilter',
    section: 'netfilter',
    result: 1,
    options: { netfilterHook: 'input' },
    stir: 'send',
    ways: SINCE_6_12,
  },
  { name: 'iter', section: 'iter/task', stir: 'read', ways: LINK },
  { name: 'iter of a map', section: 'iter/bpf_map_elem', options: { mapName: 'hits' }, stir: 'read', ways: LINK },
  {
    name: 'struct_ops',
    section: 'struct_ops/init',
    ...congestionControl('.struct_ops', 'bpf_hit'),
    map: 'ops',
    stir: 'connect',
    ways: { '5.10': 'registered-map' },
  },
  {
    name: 'struct_ops.link',
    section: 'struct_ops/init',
    ...congestionControl('.struct_ops.link', 'bpf_hit'),
    map: 'ops',
    stir: 'connect',
    ways: SINCE_6_12,
  },
  {
    name: 'sched_ext',
    section: 'struct_ops/running',
    before: 'struct task_struct; struct sched_ext_ops { void (*running)(struct task_struct *); char name[128]; };',
    map: 'ops',
    stir: 'wait',
    ways: { '5.10': '-', '7.2': 'link' },
  },
];

/** The way by the table for a kernel, e.g. `6.12.107`. */
export function wayOn({ ways }: AttachCase, release: string): string {
  const series = Object.keys(ways).filter((each) => isNotBeyond(each, release));
  return ways[series.at(-1) ?? ''] ?? '-';
}

function isNotBeyond(series: string, release: string): boolean {
  const [[major = 0, minor = 0] = [], [ownMajor = 0, ownMinor = 0] = []] = [series, release].map((text) =>
    text.split('.').map(Number.parseFloat),
  );
  return major < ownMajor || (major === ownMajor && minor <= ownMinor);
}
