import type { AttachedLink } from '../kernel.ts';
import type { KernelError } from '../kernel-error.ts';
import { attachCgroup } from './attach-cgroup.ts';
import { attachIterator } from './attach-iterator.ts';
import { attachKprobe, attachSystemCall } from './attach-kprobe.ts';
import { attachKprobeMulti } from './attach-kprobe-multi.ts';
import { attachNetfilter, attachNetns } from './attach-netns.ts';
import { attachPerfEvent } from './attach-perf-event.ts';
import { type AttachRequest, refuse } from './attach-request.ts';
import { attachSocketFilter } from './attach-socket-filter.ts';
import { attachSockmap } from './attach-sockmap.ts';
import { structOpsRefusal } from './attach-struct-ops.ts';
import { attachNetkit, attachTc } from './attach-tc.ts';
import { attachTracepoint } from './attach-tracepoint.ts';
import { attachAtLoadedTarget, attachRawTracepoint } from './attach-tracing.ts';
import { attachUprobe } from './attach-uprobe.ts';
import { attachUprobeMulti } from './attach-uprobe-multi.ts';
import { attachUsdt } from './attach-usdt.ts';
import { attachXdp } from './attach-xdp.ts';

type Attacher = (request: AttachRequest) => AttachedLink;

/** By the beginning of the section, where one program type has several families. */
const BY_SECTION: readonly (readonly [section: RegExp, attach: Attacher])[] = [
  [/^k(?:ret)?syscall\b/, attachSystemCall],
  [/^k(?:ret)?probe\.(?:multi|session)\b/, attachKprobeMulti],
  [/^u(?:ret)?probe\.(?:multi|session)\b/, attachUprobeMulti],
  [/^u(?:ret)?probe\b/, attachUprobe],
  [/^usdt\b/, attachUsdt],
  [/^netkit\//, attachNetkit],
  [/^iter\b/, attachIterator],
  [/^lsm_cgroup\b/, attachCgroup],
  [
    /^xdp(?:\.frags)?\/(?:devmap|cpumap)$/,
    ({ program }) => {
      throw elsewhere(program, 'runs from an entry of a device map or CPU map', 'Put its pin into that map.');
    },
  ],
];

/** By libbpf's name of the program type. */
const BY_TYPE: Readonly<Record<string, Attacher>> = {
  kprobe: attachKprobe,
  tracepoint: attachTracepoint,
  raw_tracepoint: attachRawTracepoint,
  raw_tracepoint_writable: attachRawTracepoint,
  tracing: attachAtLoadedTarget,
  lsm: attachAtLoadedTarget,
  ext: attachAtLoadedTarget,
  perf_event: attachPerfEvent,
  xdp: attachXdp,
  sched_cls: attachTc,
  cgroup_skb: attachCgroup,
  cgroup_sock: attachCgroup,
  cgroup_sock_addr: attachCgroup,
  cgroup_device: attachCgroup,
  cgroup_sysctl: attachCgroup,
  cgroup_sockopt: attachCgroup,
  sock_ops: attachCgroup,
  sk_lookup: attachNetns,
  flow_dissector: attachNetns,
  netfilter: attachNetfilter,
  sk_msg: attachSockmap,
  sk_skb: attachSockmap,
  socket_filter: attachSocketFilter,
  struct_ops: ({ program }) => {
    throw structOpsRefusal(program);
  },
};

/** Types that libbpf does not attach either: what else runs them. */
const ELSEWHERE: Readonly<Record<string, readonly [what: string, hint: string]>> = {
  sched_act: ['runs as an action of a classifier', '"tc filter … action bpf object-pinned PIN" takes its pin.'],
  sk_reuseport: ['runs for a group of sockets', 'Their owner takes its pin (SO_ATTACH_REUSEPORT_EBPF).'],
  lwt_in: ['runs for a route', '"ip route … encap bpf in pinned PIN" takes its pin.'],
  lwt_out: ['runs for a route', '"ip route … encap bpf out pinned PIN" takes its pin.'],
  lwt_xmit: ['runs for a route', '"ip route … encap bpf xmit pinned PIN" takes its pin.'],
  lwt_seg6local: ['runs for a route', '"ip route … encap seg6local … endpoint pinned PIN" takes its pin.'],
  lirc_mode2: ['runs for an infrared receiver', '"ir-keytable" takes such programs.'],
  syscall: ['runs when somebody calls it', '"bpftool prog run pinned PIN" does.'],
};

/** Attaches one program by its section, its descriptor and the target that is given, and pins what holds it. @throws {KernelError}. */
export function attachProgram(request: AttachRequest): AttachedLink {
  const { section, attachment, program } = request;
  const attach = BY_SECTION.find(([pattern]) => pattern.test(section))?.[1] ?? BY_TYPE[attachment.type];
  if (attach !== undefined) return attach(request);
  const [what, hint] = ELSEWHERE[attachment.type] ?? [
    'is of no type that is known',
    'Name its section as libbpf does.',
  ];
  throw elsewhere(program, what, hint);
}

function elsewhere(program: string, what: string, hint: string): KernelError {
  return refuse(`program "${program}" ${what}: it has no hook that it can be attached to`, hint, 'EINVAL');
}
