import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { AttachedLink } from '../kernel.ts';
import type { Native } from '../native/library.ts';
import type { AttachRequest } from './attach-request.ts';
import { type AttachmentRecord, PROGRAM, recordId, removeFolder, writeRecord } from './attachment-record.ts';
import { holderKeeps, keepAtHolder, letGoAtHolder, prepareOwnHolder } from './own-holder.ts';
import { endSleeper, sleeperHolds, startSleeper } from './sleeping-holder.ts';

type Holder = Extract<AttachmentRecord, { way: 'holder' }>;

/**
 * Keeps descriptors that nothing in the kernel can keep: a process of its own session holds them open and outlives every shim. It is
 * `bpfship-hold`, one for the machine, which every shim asks to keep and to let go; where that is not installed, `sleep` with the
 * descriptors. In a systemd unit they stay only with `KillMode=process`.
 *
 * @param descriptors - stay the caller's.
 */
export function holdDescriptors(request: AttachRequest, descriptors: readonly number[], type: string): AttachedLink {
  const { bpf, fd: program } = request;
  const { linkPin: pin } = request.options;
  const key = createHash('sha256').update(pin).digest('hex').slice(0, 32);
  const own = prepareOwnHolder(bpf.native, key, descriptors.length);
  const record: Holder = { way: 'holder', type, ...(own ?? startSleeper(descriptors)) };
  try {
    writeRecord(pin, record);
    bpf.pin(program, join(pin, PROGRAM));
    if ('socket' in record) keepAtHolder(bpf.native, record, descriptors);
    return { pin, id: recordId(record), type, way: 'holder' };
  } catch (error) {
    endHolder(bpf.native, record);
    removeFolder(pin);
    throw error;
  }
}

/** Whether the attachment is held. */
export function holds(native: Native, record: Holder): boolean {
  return 'socket' in record ? holderKeeps(native, record) : sleeperHolds(record);
}

/** Lets go of an attachment. */
export function endHolder(native: Native, record: Holder): void {
  if ('socket' in record) letGoAtHolder(native, record);
  else endSleeper(record);
}
