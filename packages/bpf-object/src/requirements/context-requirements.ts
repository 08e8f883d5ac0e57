import type { ContextAccess } from '../context/context-access.ts';
import { findContextAccesses } from '../context/find-context-accesses.ts';
import { isAlwaysAllowed } from '../context/always-allowed.ts';
import type { Site } from '../guards/exploration.ts';
import type { BpfObject, BpfProgram } from '../object/bpf-object.ts';
import type { Requirement } from './requirement.ts';

/** Hooks whose context is the arguments of what the program goes to, by their types in the kernel's BTF (kernel/bpf/btf.c, btf_ctx_access). */
const ARGUMENT_HOOKS = new Set(['btf-tracepoint', 'fentry', 'fexit', 'fmod-ret', 'lsm', 'lsm-cgroup', 'iter']);
/** Types whose context is what their caller makes of it, or the arguments of a function that only loading names. */
const OPEN_CONTEXTS = new Set(['unspec', 'tracing', 'lsm', 'struct_ops', 'ext', 'syscall']);
/** Types whose programs may do more or less by their attach type. */
const BY_ATTACH_TYPE = new Set(['xdp', 'cgroup_sock', 'cgroup_sock_addr', 'cgroup_sockopt', 'sk_reuseport']);
/** Types whose accesses the kernel does not rewrite: newer ones let their contexts be moved (`convert_ctx_access` of struct bpf_verifier_ops). */
const PLAIN_CONTEXTS = new Set(
  'tracepoint kprobe raw_tracepoint raw_tracepoint_writable tracing lsm struct_ops cgroup_device netfilter lirc_mode2'.split(
    ' ',
  ),
);
/** The ability to use a context through a pointer to which a number was added (kernel/bpf/verifier.c, __check_ptr_off_reg). */
function movedFeature({ attachment: { type } }: BpfProgram): ContextSite[] {
  // Which types an `ext` program has is for the one that it replaces a function of to say.
  if (type === 'ext' || type === 'unspec') return [];
  if (type === 'syscall') return [{ kind: 'feature', name: 'moved-syscall-context-pointer' }];
  return [
    { kind: 'feature', name: PLAIN_CONTEXTS.has(type) ? 'moved-plain-context-pointer' : 'moved-context-pointer' },
  ];
}

/** What a context is needed for: an access, or that the pointer to it may have been moved. */
export type ContextSite = Extract<Site, { kind: 'context' | 'feature' }>;
/** Function of the object → instruction → what it needs. */
export type ContextSites = ReadonlyMap<number, ReadonlyMap<number, readonly ContextSite[]>>;

/** What a program does with its context that a kernel may refuse. */
export function contextSites(object: BpfObject, program: BpfProgram): ContextSites {
  const kept = new Map<number, ReadonlyMap<number, readonly ContextSite[]>>();
  for (const [index, accesses] of findContextAccesses(object, program)) {
    const needed = [...accesses].flatMap(([at, access]): [number, ContextSite[]][] => {
      const sites = sitesOf(program, access);
      return sites.length > 0 ? [[at, sites]] : [];
    });
    if (needed.length > 0) kept.set(index, new Map(needed));
  }
  return kept;
}

function sitesOf(program: BpfProgram, { access, offset, size, moved, relocated }: ContextAccess): ContextSite[] {
  const site = { kind: 'context', access, offset, size } as const;
  const isNeeded = !relocated && contextRequirement(program, site) !== undefined;
  return [...(isNeeded ? [site] : []), ...(moved ? movedFeature(program) : [])];
}

/** The requirement behind an access; undefined for one that every kernel allows, or of which nothing can be said. */
export function contextRequirement(
  { attachment }: BpfProgram,
  { access, offset, size }: Extract<Site, { kind: 'context' }>,
): Requirement | undefined {
  const { type, hook, target, attachType } = attachment;
  const what = { access, offset, size, programs: [] };
  if (hook !== undefined && ARGUMENT_HOOKS.has(hook))
    return target === undefined ? undefined : { kind: 'hook-argument', hook, value: target, ...what };
  if (OPEN_CONTEXTS.has(type) || isAlwaysAllowed(type, { access, offset, size })) return undefined;
  // That of XDP programs at a device is as none.
  const byAttachType = attachType !== undefined && attachType !== type && BY_ATTACH_TYPE.has(type);
  return { kind: 'context-field', programType: type, ...(byAttachType ? { attachType } : {}), ...what };
}
