import { join } from 'node:path';
import type { AttachedLink } from '../kernel.ts';
import { type Bpf, COMMAND } from '../native/bpf.ts';
import { callError, errnoName } from '../native/errno.ts';
import { type AttachRequest, attachError } from './attach-request.ts';
import { EVENTS, PROGRAM, removeFolder, writeRecord } from './attachment-record.ts';
import { createLink } from './create-link.ts';
import { holdDescriptors } from './holder.ts';
import { keepLinks } from './keep-links.ts';

/** include/uapi/linux/perf_event.h */
const IOC_ENABLE = 0x2400;
const IOC_SET_BPF = 0x4004_2408;
const PERF_EVENT_ARRAY = 4;
/** The map keeps its elements when the descriptor is closed by which they came in (5.10). */
const F_PRESERVE_ELEMS = 1 << 11;

/**
 * Puts a program on perf events, and keeps them. Where links of perf events can be pinned (5.15), by them. Before, a program goes with its
 * event's last descriptor: a pinned perf event array keeps the events then, which needs no process (5.10), and before that a holder does.
 *
 * @param events - descriptors, which are taken over.
 * @param where - for messages.
 */
export function keepPerfEvents(
  request: AttachRequest,
  events: readonly number[],
  where: string,
  hints: Readonly<Record<string, string>> = {},
): AttachedLink {
  const { bpf, fd: program, options } = request;
  const links: number[] = [];
  try {
    if (!options.withoutLink) {
      for (const event of events) {
        const link = createLink(bpf, { program, target: event, attachType: 'perf_event' });
        if (link < 0 && links.length === 0 && errnoName(link) === 'EINVAL') break;
        if (link < 0) throw attachError(request, where, link, hints);
        links.push(link);
      }
      if (links.length > 0) {
        for (const event of events) bpf.native.ioctl(event, IOC_ENABLE, 0);
        return keepLinks(bpf, links.splice(0), options.linkPin);
      }
    }
    for (const event of events) {
      if (bpf.native.ioctl(event, IOC_SET_BPF, program) < 0) {
        throw attachError(request, where, -bpf.native.errno(), hints);
      }
      bpf.native.ioctl(event, IOC_ENABLE, 0);
    }
    return holdPerfEvents(request, events);
  } finally {
    for (const fd of [...links, ...events]) bpf.native.close(fd);
  }
}

/** Keeps perf events that have their program already. The descriptors stay the caller's. */
export function holdPerfEvents(request: AttachRequest, events: readonly number[]): AttachedLink {
  const { bpf, fd: program } = request;
  const { linkPin: pin } = request.options;
  const array = createArray(bpf, events.length);
  if (array < 0) return holdDescriptors(request, events, 'perf_event');
  try {
    for (const [i, event] of events.entries()) putEvent(bpf, array, i, event);
    const record = { way: 'perf-event-array', type: 'perf_event' } as const;
    writeRecord(pin, record);
    try {
      bpf.pin(program, join(pin, PROGRAM));
      bpf.pin(array, join(pin, EVENTS));
    } catch (error) {
      removeFolder(pin);
      throw error;
    }
    return { pin, id: arrayId(bpf, array), type: record.type, way: record.way };
  } finally {
    bpf.native.close(array);
  }
}

/** What stands for the id of the link: the map's id, below zero. */
export function arrayId(bpf: Bpf, array: number): number {
  return -bpf.info(array).readUInt32LE(4);
}

function createArray(bpf: Bpf, entries: number): number {
  return bpf.call(COMMAND.mapCreate, (attr) => {
    attr.writeUInt32LE(PERF_EVENT_ARRAY, 0);
    attr.writeUInt32LE(4, 4);
    attr.writeUInt32LE(4, 8);
    attr.writeUInt32LE(entries, 12);
    attr.writeUInt32LE(F_PRESERVE_ELEMS, 16);
    attr.write('kept_events', 28, 'latin1');
  });
}

function putEvent(bpf: Bpf, array: number, index: number, event: number): void {
  const result = bpf.call(COMMAND.mapUpdate, (attr, arena) => {
    const key = arena.allocate(4);
    key.bytes.writeUInt32LE(index, 0);
    const value = arena.allocate(4);
    value.bytes.writeInt32LE(event, 0);
    attr.writeUInt32LE(array, 0);
    attr.writeBigUInt64LE(key.address, 8);
    attr.writeBigUInt64LE(value.address, 16);
  });
  if (result < 0) throw callError('ERR_KERNEL_ATTACH', 'keeping a perf event', result);
}
