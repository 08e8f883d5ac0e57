import { type BpfObject, capabilitiesOf, hookName, readBpfObject } from '@bpfship/bpf-object';
import type { Variant } from '@bpfship/media-types';
import { isActing } from './acting-helpers.ts';

/** Kinds of what a package does on a node. */
export type PermissionKind = 'hook' | 'helper' | 'capability';

/** Something that a package does: it takes a hook, calls a helper that changes more than maps, needs a capability. */
export interface Permission {
  kind: PermissionKind;
  /** e.g. `kprobe:do_unlinkat`, `bpf_send_signal`, `CAP_NET_ADMIN`, `sleepable`. */
  name: string;
  /** Programs that do it. */
  programs: string[];
}

/**
 * What a variant does, by the object that is loaded, and what its index says beyond that: the index is a claim, the object is what runs.
 *
 * @throws {BpfObjectError} where the object cannot be read.
 */
export function permissionsOf(object: Uint8Array, { programs }: Pick<Variant, 'programs'>): Permission[] {
  const found = new Map<string, Permission>();
  const add = (kind: PermissionKind, name: string, program: string): void => {
    const known = found.get(`${kind}:${name}`);
    if (known && !known.programs.includes(program)) known.programs.push(program);
    if (!known) found.set(`${kind}:${name}`, { kind, name, programs: [program] });
  };
  addFromObject(readBpfObject(object), add);
  for (const { name, hook, target, flags } of programs) {
    add('hook', target === undefined ? hook : `${hook}:${target}`, name);
    if (flags?.includes('sleepable')) add('capability', 'sleepable', name);
  }
  return [...found.values()];
}

/** As `--allow-new` and messages have it: `hook:xdp`. */
export function permissionText({ kind, name }: Pick<Permission, 'kind' | 'name'>): string {
  return `${kind}:${name}`;
}

function addFromObject(
  { programs, maps }: BpfObject,
  add: (kind: PermissionKind, name: string, program: string) => void,
): void {
  for (const program of programs.filter(({ autoload }) => autoload)) {
    const { name, attachment, helpers, functions } = program;
    const { target = attachment.extra, targetOffset, sleepable } = attachment;
    const offset = targetOffset === undefined ? '' : `+0x${targetOffset.toString(16)}`;
    // Which struct_ops a program is for, its map says.
    if (attachment.type !== 'struct_ops') {
      add('hook', target === undefined ? hookName(program) : `${hookName(program)}:${target}${offset}`, name);
    }
    if (sleepable) add('capability', 'sleepable', name);
    for (const capability of capabilitiesOf(attachment)) add('capability', capability, name);
    for (const helper of helpers.filter(isActing)) add('helper', helper, name);
    for (const { references } of functions) {
      for (const reference of references.values()) {
        if (reference.kind === 'kfunc' && isActing(reference.name)) add('helper', reference.name, name);
      }
    }
  }
  for (const { structOps } of maps) {
    for (const program of structOps?.programs ?? []) add('hook', `struct_ops:${structOps?.type}`, program);
  }
}
