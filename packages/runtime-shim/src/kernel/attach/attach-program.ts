import type { AttachedLink } from '../kernel.ts';
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
import { runsElsewhere } from './elsewhere.ts';

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

/** Attaches one program by its section, its descriptor and the target that is given, and pins what holds it. @throws {KernelError}. */
export function attachProgram(request: AttachRequest): AttachedLink {
  const { section, attachment, program } = request;
  const elsewhere = runsElsewhere({ type: attachment.type, section });
  if (elsewhere) {
    throw refuse(
      `program "${program}" ${elsewhere.what}: it has no hook that it can be attached to`,
      elsewhere.hint,
      'EINVAL',
    );
  }
  const attach = BY_SECTION.find(([pattern]) => pattern.test(section))?.[1] ?? BY_TYPE[attachment.type];
  if (attach !== undefined) return attach(request);
  throw refuse(`program "${program}" (${section}) is of no type that is known`, 'Name its section as libbpf does.');
}
