import { join } from 'node:path';
import type { AttachedLink } from '../kernel.ts';
import type { Bpf } from '../native/bpf.ts';
import { LINK_TYPES } from '../native/names.ts';
import { removeFolder, writeRecord } from './attachment-record.ts';

/** What the kernel tells of a link. */
export function describeLink(bpf: Bpf, fd: number, pin: string): AttachedLink {
  const info = bpf.info(fd);
  return { pin, id: info.readUInt32LE(4), type: LINK_TYPES[info.readUInt32LE(0)] ?? 'unknown', way: 'link' };
}

/** Pins a link, and lets go of everything but the pin. */
export function keepLink(bpf: Bpf, fd: number, pin: string): AttachedLink {
  return keepLinks(bpf, [fd], pin);
}

/** Pins links, one at the path and several in a folder there, and lets go of everything but the pins. */
export function keepLinks(bpf: Bpf, fds: readonly number[], pin: string): AttachedLink {
  const [first, ...others] = fds;
  if (first === undefined) throw new TypeError('there is at least one link');
  try {
    if (others.length === 0) {
      bpf.pin(first, pin);
      return describeLink(bpf, first, pin);
    }
    const attached = describeLink(bpf, first, pin);
    writeRecord(pin, { way: 'link', type: attached.type });
    try {
      for (const [i, fd] of fds.entries()) bpf.pin(fd, join(pin, String(i).padStart(5, '0')));
    } catch (error) {
      removeFolder(pin);
      throw error;
    }
    return attached;
  } finally {
    for (const fd of fds) bpf.native.close(fd);
  }
}
