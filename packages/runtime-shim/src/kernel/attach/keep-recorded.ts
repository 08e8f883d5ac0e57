import { join } from 'node:path';
import type { AttachedLink } from '../kernel.ts';
import type { AttachRequest } from './attach-request.ts';
import { type AttachmentRecord, PROGRAM, recordId, removeFolder, writeRecord } from './attachment-record.ts';

/**
 * Keeps what finds an attachment that has no link, with the program that is to be attached. To be called before anything is attached; where
 * that fails, the folder is to be removed.
 */
export function keepRecorded({ bpf, fd, options }: AttachRequest, record: AttachmentRecord): AttachedLink {
  const { linkPin: pin } = options;
  writeRecord(pin, record);
  try {
    bpf.pin(fd, join(pin, PROGRAM));
  } catch (error) {
    removeFolder(pin);
    throw error;
  }
  return { pin, id: recordId(record), type: record.type, way: record.way };
}
