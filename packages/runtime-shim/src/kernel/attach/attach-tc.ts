import { randomInt } from 'node:crypto';
import type { AttachedLink } from '../kernel.ts';
import { errnoName } from '../native/errno.ts';
import { type AttachRequest, attachError } from './attach-request.ts';
import { removeFolder } from './attachment-record.ts';
import { createLink } from './create-link.ts';
import { keepLink } from './keep-links.ts';
import { keepRecorded } from './keep-recorded.ts';
import { atInterface } from './network-interface.ts';
import { createQdisc, removeQdisc, setFilter } from './traffic-control.ts';

/** include/uapi/linux/bpf.h */
const F_BEFORE = 1 << 3;
/** The first priority that the kernel itself would give (net/sched/cls_api.c, tcf_auto_prio). */
const FIRST_PRIORITY = 0xc000;
/** Priorities that are tried: at each there may be classifiers of one kind only. */
const PRIORITIES = 8;
/** Handles are taken at random from here up, so that they say whose a filter is. */
const HANDLES = { from: 0x1000_0000, to: 0x7fff_ffff } as const;

/**
 * Attaches to packets that an interface receives or sends: by a TCX link (Linux 6.6), before by a classifier on the interface's clsact
 * qdisc.
 */
export function attachTc(request: AttachRequest): AttachedLink {
  return atInterface(request, (interfaceIndex, name) => {
    const { bpf, fd: program, options } = request;
    const direction = directionOf(request);
    if (!options.withoutLink) {
      const link = createLink(bpf, {
        program,
        target: interfaceIndex,
        attachType: `tcx_${direction}`,
        flags: options.order === 'first' ? F_BEFORE : 0,
      });
      if (link >= 0) return keepLink(bpf, link, options.linkPin);
      if (!['EINVAL', 'EOPNOTSUPP'].includes(errnoName(link))) {
        throw attachError(request, `the interface ${name} (${direction})`, link);
      }
    }
    return attachFilter(request, interfaceIndex, `the interface ${name} (${direction})`);
  });
}

/** Attaches to a netkit device: `netkit/primary`, `netkit/peer` (Linux 6.7). */
export function attachNetkit(request: AttachRequest): AttachedLink {
  return atInterface(request, (interfaceIndex, name) => {
    const { bpf, fd: program, attachment, options } = request;
    const link = createLink(bpf, {
      program,
      target: interfaceIndex,
      attachType: attachment.attachType ?? 'netkit_primary',
      flags: options.order === 'first' ? F_BEFORE : 0,
    });
    if (link >= 0) return keepLink(bpf, link, options.linkPin);
    throw attachError(request, `the interface ${name}`, link, {
      ENXIO: `${name} is no netkit device: "ip link add ${name} type netkit" makes one.`,
      EINVAL: 'The kernel has no netkit devices (6.7, CONFIG_NETKIT).',
      EACCES: `${name} is the peer of a netkit device: programs are attached at its primary.`,
    });
  });
}

function directionOf({ attachment, options }: AttachRequest): 'ingress' | 'egress' {
  return options.direction ?? (attachment.attachType === 'tcx_egress' ? 'egress' : 'ingress');
}

function attachFilter(request: AttachRequest, interfaceIndex: number, where: string): AttachedLink {
  const { bpf, fd: program, options } = request;
  const { native } = bpf;
  const direction = directionOf(request);
  const handle = randomInt(HANDLES.from, HANDLES.to);
  const netns = options.netnsPath === undefined ? {} : { netns: options.netnsPath };
  const made = createQdisc(native, { interfaceIndex, direction });
  if (typeof made === 'number') throw attachError(request, where, made, TC_HINTS);
  let result = 0;
  for (let i = 0; i < PRIORITIES; i++) {
    const filter = { interfaceIndex, direction, handle, priority: options.priority ?? FIRST_PRIORITY - i };
    const kept = keepRecorded(request, { way: 'tc-filter', type: 'tc', qdisc: made, ...netns, ...filter });
    result = setFilter(native, filter, program);
    if (result === 0) return kept;
    removeFolder(options.linkPin);
    if (options.priority !== undefined || errnoName(result) !== 'EINVAL') break;
  }
  if (made) removeQdisc(native, { interfaceIndex, direction });
  throw attachError(request, where, result, TC_HINTS);
}

const TC_HINTS: Readonly<Record<string, string>> = {
  ENOENT:
    'The kernel has no BPF classifier (CONFIG_NET_CLS_BPF, module cls_bpf), or no clsact qdisc (module sch_ingress).',
  EOPNOTSUPP: 'The kernel has no BPF classifier (CONFIG_NET_CLS_BPF, module cls_bpf).',
  EINVAL: 'A classifier of another kind may have this priority: "tc filter show dev NAME ingress" lists them.',
  EEXIST: 'A qdisc of another kind is in the way: "tc qdisc show dev NAME" lists them.',
};
