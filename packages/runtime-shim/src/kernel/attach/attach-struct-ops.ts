import type { AttachedLink } from '../kernel.ts';
import type { Bpf } from '../native/bpf.ts';
import type { Pointer } from '../native/library.ts';
import { attachError, refuse } from './attach-request.ts';
import { recordId, removeFolder, writeRecord } from './attachment-record.ts';
import { keepLink } from './keep-links.ts';

/** A struct_ops map of a loaded object. */
export interface StructOps {
  name: string;
  /** libbpf's map. */
  pointer: Pointer;
  fd: number;
  /** ELF section: `.struct_ops.link` makes links. */
  link: boolean;
}

/**
 * Registers the functions of a struct_ops with the kernel: congestion control of TCP, schedulers, and so on. `SEC(".struct_ops.link")`
 * makes a link (Linux 6.4); `SEC(".struct_ops")` registers the map itself, which then stays until it is unregistered, whoever holds it.
 */
export function attachStructOps(bpf: Bpf, { name, pointer, fd, link: linked }: StructOps, pin: string): AttachedLink {
  const { native } = bpf;
  const request = { program: name, section: linked ? '.struct_ops.link' : '.struct_ops' };
  const record = { way: 'registered-map', type: 'struct_ops', map: bpf.info(fd).readUInt32LE(4) } as const;
  if (!linked) writeRecord(pin, record);
  const link = native.mapAttachStructOps(pointer);
  const errno = native.errno();
  if (!link) {
    if (!linked) removeFolder(pin);
    throw attachError(request, 'the kernel', -errno, {
      EEXIST: `Something of this name is registered already.`,
      EBUSY: 'Another one is registered, and there can be only one (sched_ext), or the kernel is switching.',
      EINVAL: 'The kernel refuses the functions or the values that are declared; its log ("dmesg") may say why.',
      EOPNOTSUPP: 'The kernel has no links of struct_ops (6.4): the section would have to be ".struct_ops".',
      ENOTSUPP: 'The kernel cannot register this struct.',
    });
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

/** A program of a struct_ops is attached with the map that names it. */
export function structOpsRefusal(program: string): Error {
  return refuse(
    `program "${program}" is one function of a struct_ops, which is attached as a whole`,
    'Attach the struct_ops map that names it.',
    'EINVAL',
  );
}
