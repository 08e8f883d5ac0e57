import { unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { KernelError } from '../kernel-error.ts';
import { type Bpf, COMMAND } from '../native/bpf.ts';
import { callError, errnoName } from '../native/errno.ts';
import { type AttachmentRecord, NEXT_PROGRAM, pinsIn, PROGRAM, readRecord, removeFolder } from './attachment-record.ts';
import { endHolder } from './holder.ts';
import { withRecordedTarget } from './recorded-target.ts';
import { detachWithoutLink } from './program-attach.ts';
import { filterProgram, hasFilters, removeFilter, removeQdisc } from './traffic-control.ts';
import { replaceXdp } from './xdp-by-netlink.ts';

/**
 * Removes what holds a program at its hook. Where the kernel can detach it at once, it does so even if somebody else holds the link. What
 * somebody else has put in its place meanwhile stays.
 */
export function removeAttachment(bpf: Bpf, pin: string): void {
  const record = readRecord(pin);
  if (record === undefined) {
    removePin(bpf, pin);
    return;
  }
  if (record.way === 'link') for (const name of pinsIn(pin)) removePin(bpf, join(pin, name));
  else detach(bpf, pin, record);
  removeFolder(pin);
}

function detach(bpf: Bpf, folder: string, record: AttachmentRecord): void {
  switch (record.way) {
    case 'holder':
      endHolder(bpf.native, record);
      return;
    case 'tc-filter':
      withRecordedTarget(bpf, record, () => {
        const attached = filterProgram(bpf.native, record);
        if (attached !== undefined && programIds(bpf, folder).has(attached)) removeFilter(bpf.native, record);
        if (record.qdisc && !hasFilters(bpf.native, record)) removeQdisc(bpf.native, record);
      });
      return;
    case 'netlink':
      withRecordedTarget(bpf, record, () =>
        withPin(bpf, join(folder, PROGRAM), (program) => void replaceXdp(bpf.native, record, program, -1)),
      );
      return;
    case 'program-attach':
      withRecordedTarget(bpf, record, (target) =>
        withPin(bpf, join(folder, PROGRAM), (program) => {
          const result = detachWithoutLink(bpf, target, program, record.attachType);
          // Somebody was faster.
          if (result < 0 && !['ENOENT', 'EINVAL'].includes(errnoName(result))) {
            throw callError('ERR_KERNEL_CALL', `detaching what ${folder} tells of`, result);
          }
        }),
      );
      return;
    case 'registered-map':
      withRecordedTarget(bpf, record, (map) => {
        bpf.call(COMMAND.mapDelete, (attr, arena) => {
          attr.writeUInt32LE(map, 0);
          attr.writeBigUInt64LE(arena.allocate(4).address, 8);
        });
      });
      return;
    case 'link':
    case 'perf-event-array':
      // Goes with its pins.
      return;
  }
}

/** Removes one pinned link. */
function removePin(bpf: Bpf, pin: string): void {
  const fd = bpf.open(pin);
  if (fd < 0 && errnoName(fd) !== 'ENOENT') throw callError('ERR_KERNEL_PIN', `opening ${pin}`, fd);
  try {
    unlinkSync(pin);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw new KernelError('ERR_KERNEL_PIN', `${pin} cannot be removed (${(error as NodeJS.ErrnoException).code})`);
    }
  }
  if (fd < 0) return;
  bpf.call(COMMAND.linkDetach, (attr) => attr.writeUInt32LE(fd, 0));
  bpf.native.close(fd);
}

/** Nothing where there is no such pin. */
function withPin(bpf: Bpf, path: string, action: (fd: number) => void): void {
  const fd = bpf.open(path);
  if (fd < 0) return;
  try {
    action(fd);
  } finally {
    bpf.native.close(fd);
  }
}

function programIds(bpf: Bpf, folder: string): ReadonlySet<number> {
  const ids = new Set<number>();
  for (const name of [PROGRAM, NEXT_PROGRAM]) {
    withPin(bpf, join(folder, name), (fd) => ids.add(bpf.info(fd).readUInt32LE(4)));
  }
  return ids;
}
