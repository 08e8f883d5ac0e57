import { rmSync } from 'node:fs';
import type { AttachedLink, AttachOptions } from '../kernel.ts';
import { KernelError } from '../kernel-error.ts';
import { type Bpf, COMMAND } from '../native/bpf.ts';
import { errnoName } from '../native/errno.ts';
import type { Pointer } from '../native/library.ts';
import { attachError, refuse } from './attach-request.ts';
import { readRecord, recordId, removeFolder, writeRecord } from './attachment-record.ts';
import { createLink } from './create-link.ts';
import { removeAttachment } from './detach.ts';
import { keepLink } from './keep-links.ts';
import { switchAttachment } from './switch-attachment.ts';

/** A struct_ops map of a loaded object. */
export interface StructOps {
  name: string;
  /** libbpf's map. */
  pointer: Pointer;
  fd: number;
  /** ELF section: `.struct_ops.link` makes links. */
  link: boolean;
}

/** Another one is registered, of the same name or as the only one that there may be. */
const TAKEN: ReadonlySet<string> = new Set(['EEXIST', 'EBUSY']);
/** A link that was let go of is unregistered at once or within some milliseconds. */
const TRIES = 200;
const PAUSE_MS = 10;

/**
 * Registers the functions of a struct_ops with the kernel: congestion control of TCP, schedulers, and so on. `SEC(".struct_ops.link")`
 * makes a link (Linux 6.4); `SEC(".struct_ops")` registers the map itself, which then stays until it is unregistered, whoever holds it.
 */
export function attachStructOps(
  bpf: Bpf,
  structOps: StructOps,
  { linkPin, replaces }: Pick<AttachOptions, 'linkPin' | 'replaces'>,
): AttachedLink {
  const first = register(bpf, structOps, linkPin);
  if (!isTaken(first) || replaces === undefined) return orThrow(first, structOps);
  const before = mapOfLink(bpf, replaces);
  try {
    removeAttachment(bpf, replaces);
    let last = register(bpf, structOps, linkPin);
    for (let i = 0; i < TRIES && isTaken(last); i++) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
      last = register(bpf, structOps, linkPin);
    }
    if ('error' in last && before !== undefined) linkMap(bpf, before, replaces);
    return { ...orThrow(last, structOps), gap: true };
  } finally {
    if (before !== undefined) bpf.native.close(before);
  }
}

/**
 * Puts a struct_ops in the place of the one that a pinned link runs.
 *
 * @throws {KernelError} `ERR_KERNEL_LINK_UPDATE_UNSUPPORTED` where it has no link, another name, or is of a kind that the kernel does not
 * switch (sched_ext).
 */
export function switchStructOps(bpf: Bpf, { pointer, fd }: StructOps, pin: string): void {
  if (readRecord(pin) !== undefined) throw unsupported(pin, 'it has no link');
  // Makes the map ready, also where the kernel then refuses to register it beside the one that runs.
  const link = bpf.native.mapAttachStructOps(pointer);
  if (link) {
    bpf.native.linkDestroy(link);
    throw unsupported(pin, 'the other one has another name');
  }
  switchAttachment(bpf, pin, fd);
}

/** Makes the link of a pinned struct_ops map anew. */
export function relinkStructOps(bpf: Bpf, mapPin: string, linkPin: string): AttachedLink {
  return bpf.withPinned(mapPin, (fd) => linkMap(bpf, fd, linkPin));
}

function linkMap(bpf: Bpf, map: number, linkPin: string): AttachedLink {
  const link = createLink(bpf, { program: map, attachType: 'struct_ops' });
  if (link < 0) throw attachError({ program: linkPin, section: '.struct_ops.link' }, 'the kernel', link, HINTS);
  rmSync(linkPin, { force: true });
  return keepLink(bpf, link, linkPin);
}

/** The map of a pinned link, opened; `undefined` where there is none. */
function mapOfLink(bpf: Bpf, pin: string): number | undefined {
  if (readRecord(pin) !== undefined) return undefined;
  const id = bpf.withPinned(pin, (fd) => bpf.info(fd).readUInt32LE(16));
  const map = bpf.call(COMMAND.mapFdById, (attr) => attr.writeUInt32LE(id, 0));
  return map < 0 ? undefined : map;
}

type Registered = AttachedLink | { error: number };

function isTaken(registered: Registered): boolean {
  return 'error' in registered && TAKEN.has(errnoName(registered.error));
}

function orThrow(registered: Registered, { name, link }: StructOps): AttachedLink {
  if (!('error' in registered)) return registered;
  const request = { program: name, section: link ? '.struct_ops.link' : '.struct_ops' };
  throw attachError(request, 'the kernel', registered.error, HINTS);
}

function register(bpf: Bpf, { pointer, fd, link: linked }: StructOps, pin: string): Registered {
  const { native } = bpf;
  const record = { way: 'registered-map', type: 'struct_ops', map: bpf.info(fd).readUInt32LE(4) } as const;
  if (!linked) writeRecord(pin, record);
  const link = native.mapAttachStructOps(pointer);
  const errno = native.errno();
  if (!link) {
    if (!linked) removeFolder(pin);
    return { error: -errno };
  }
  if (!linked) {
    // What libbpf calls a link is the map's own descriptor here; told not to, it unregisters nothing.
    native.linkDisconnect(link);
    native.linkDestroy(link);
    return { pin, id: recordId(record), type: record.type, way: record.way };
  }
  const linkFd = native.linkFd(link);
  try {
    return keepLink(bpf, linkFd, pin);
  } finally {
    native.linkDisconnect(link);
    native.linkDestroy(link);
  }
}

function unsupported(pin: string, why: string): KernelError {
  return new KernelError('ERR_KERNEL_LINK_UPDATE_UNSUPPORTED', `${pin} cannot be switched in place: ${why}`, {
    errno: 'EINVAL',
  });
}

const HINTS: Readonly<Record<string, string>> = {
  EEXIST: 'Something of this name is registered already.',
  EBUSY: 'Another one is registered, and there can be only one (sched_ext), or this one was registered before.',
  EINVAL: 'The kernel refuses the functions or the values that are declared; its log ("dmesg") may say why.',
  EOPNOTSUPP: 'The kernel has no links of struct_ops (6.4): the section would have to be ".struct_ops".',
  ENOTSUPP: 'The kernel cannot register this struct.',
};

/** A program of a struct_ops is attached with the map that names it. */
export function structOpsRefusal(program: string): KernelError {
  return refuse(
    `program "${program}" is one function of a struct_ops, which is attached as a whole`,
    'Attach the struct_ops map that names it.',
    'EINVAL',
  );
}
