import type { AttachingProgram, AttachTarget } from './attach-targets.ts';

type Members = readonly (keyof AttachTarget)[];

const CGROUP: Members = ['cgroupPath'];
const TC: Members = ['interfaceName', 'direction', 'priority'];
const USER_PROBE: Members = ['binaryPath', 'provider', 'symbol', 'offset', 'pid'];

/** Members of a target by hook. */
const BY_HOOK: Readonly<Record<string, Members>> = {
  xdp: ['interfaceName', 'xdpMode', 'xdpPriority', 'xdpChainCalls'],
  tc: TC,
  tcx: TC,
  netkit: TC,
  'lsm-cgroup': CGROUP,
  iter: ['mapName', 'cgroupPath', 'pid'],
};

/** Members of a target by libbpf's name of the program's type, in the order in which a place is written; types of cgroups and those of BY_HOOK apart. */
const BY_TYPE: Readonly<Record<string, Members>> = {
  netfilter: ['netfilterHook', 'family', 'priority', 'defragment'],
  perf_event: ['perfType', 'perfConfig', 'samplePeriod', 'sampleFrequency', 'cpu', 'pid'],
  sock_ops: CGROUP,
  socket_filter: ['interfaceName'],
  sk_lookup: ['netnsPath'],
  flow_dissector: ['netnsPath'],
  ext: ['programPin', 'symbol'],
  sk_msg: ['mapName'],
  sk_skb: ['mapName'],
  lirc_mode2: ['devicePath'],
};

/** Types whose target is a function or tracepoint of the kernel, which most sections name. */
const TRACING: ReadonlySet<string> = new Set([
  'kprobe',
  'tracepoint',
  'raw_tracepoint',
  'raw_tracepoint_writable',
  'tracing',
  'lsm',
]);

/** The members of a target that a program's hook has a use for. */
export function memberNames({ type, section, hook, target }: AttachingProgram): Members {
  if (/^\??(?:u(?:ret)?probe|uprobe|usdt)(?:[./]|$)/.test(section)) return USER_PROBE;
  const known = Object.hasOwn(BY_HOOK, hook) ? BY_HOOK[hook] : undefined;
  if (known) return known;
  if (type.startsWith('cgroup_')) return CGROUP;
  if (TRACING.has(type)) return target === undefined ? ['symbol', 'offset'] : [];
  return Object.hasOwn(BY_TYPE, type) ? (BY_TYPE[type] ?? []) : [];
}

/** Whether a program is of no use without a network interface. */
export function needsInterface({ hook }: Pick<AttachingProgram, 'hook'>): boolean {
  return Object.hasOwn(BY_HOOK, hook) && BY_HOOK[hook]?.includes('interfaceName') === true;
}
