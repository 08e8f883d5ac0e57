import { closeSync, openSync } from 'node:fs';
import { type Bpf, COMMAND } from '../native/bpf.ts';
import type { AttachmentRecord } from './attachment-record.ts';
import { inNetworkNamespace } from './network-namespace.ts';
import { KernelError } from '../kernel-error.ts';

/** Records of attachments at something that has to be opened. */
type Targeted = Extract<AttachmentRecord, { way: 'tc-filter' | 'netlink' | 'program-attach' | 'registered-map' }>;

/**
 * Opens what an attachment is at, for the time of an action: a cgroup, a map, a network namespace.
 *
 * @param action - gets the descriptor; 0 where the place is the namespace that the thread is in meanwhile.
 * @returns `undefined` where it is gone, and the attachment with it.
 */
export function withRecordedTarget<T>(bpf: Bpf, record: Targeted, action: (fd: number) => T): T | undefined {
  if (record.way === 'registered-map') return withMap(bpf, record.map, action);
  if (record.way === 'program-attach' && record.map !== undefined) return withMap(bpf, record.map, action);
  if (record.way === 'program-attach' && record.cgroup !== undefined) return withFolder(record.cgroup, action);
  try {
    return inNetworkNamespace(bpf.native, record.netns, () => action(0));
  } catch (error) {
    if (error instanceof KernelError && error.errno === 'ENOENT') return undefined;
    throw error;
  }
}

function withMap<T>(bpf: Bpf, id: number, action: (fd: number) => T): T | undefined {
  const fd = bpf.call(COMMAND.mapFdById, (attr) => attr.writeUInt32LE(id, 0));
  if (fd < 0) return undefined;
  try {
    return action(fd);
  } finally {
    bpf.native.close(fd);
  }
}

function withFolder<T>(path: string, action: (fd: number) => T): T | undefined {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    return undefined;
  }
  try {
    return action(fd);
  } finally {
    closeSync(fd);
  }
}
