import { join } from 'node:path';
import type { PinnedInfo } from '../kernel.ts';
import { Arena } from '../native/arena.ts';
import { type Bpf, COMMAND } from '../native/bpf.ts';
import { LINK_TYPES } from '../native/names.ts';
import { type AttachmentRecord, EVENTS, pinsIn, PROGRAM, readRecord, recordId } from './attachment-record.ts';
import { holds } from './holder.ts';
import { arrayId } from './keep-perf-events.ts';
import { programsAt } from './program-attach.ts';
import { withRecordedTarget } from './recorded-target.ts';
import { filterProgram } from './traffic-control.ts';
import { xdpProgram } from './xdp-by-netlink.ts';

/** BPF_STRUCT_OPS_STATE_INUSE */
const IN_USE = 1;

type LinkInfo = Extract<PinnedInfo, { kind: 'link' }>;

/** What the kernel tells of a link. */
export function linkInfo(bpf: Bpf, fd: number): LinkInfo {
  const info = bpf.info(fd);
  const type = LINK_TYPES[info.readUInt32LE(0)] ?? 'unknown';
  return {
    kind: 'link',
    id: info.readUInt32LE(4),
    type,
    way: 'link',
    programId: info.readUInt32LE(8),
    dead: isDead(type, info),
  };
}

/** A link outlives its network device, network namespace or cgroup, whose number in `struct bpf_link_info` is then 0. */
function isDead(type: string, info: Buffer): boolean {
  if (type === 'cgroup') return info.readBigUInt64LE(16) === 0n;
  // A map's id; a netfilter link says nothing.
  return ['xdp', 'tcx', 'netkit', 'netns', 'sockmap', 'struct_ops'].includes(type) && info.readUInt32LE(16) === 0;
}

/** What stands for a link in a folder; `undefined` where the path is no such folder. */
export function inspectAttachment(bpf: Bpf, folder: string): LinkInfo | undefined {
  const record = readRecord(folder);
  if (record === undefined) return undefined;
  if (record.way === 'link') return inspectLinks(bpf, folder);
  const programId = withPin(bpf, join(folder, PROGRAM), (fd) => bpf.info(fd).readUInt32LE(4)) ?? 0;
  const found = { kind: 'link', type: record.type, way: record.way, programId } as const;
  if (record.way === 'perf-event-array') {
    const id = withPin(bpf, join(folder, EVENTS), (fd) => arrayId(bpf, fd));
    return { ...found, id: id ?? recordId(record), dead: id === undefined };
  }
  return { ...found, id: recordId(record), dead: !isAttached(bpf, record, programId) };
}

/** Several links: the first speaks for all, and one that is gone for all too. */
function inspectLinks(bpf: Bpf, folder: string): LinkInfo | undefined {
  const links = pinsIn(folder).map((name) => withPin(bpf, join(folder, name), (fd) => linkInfo(bpf, fd)));
  const [first] = links;
  return first && { ...first, dead: links.some((link) => link?.dead !== false) };
}

function isAttached(bpf: Bpf, record: AttachmentRecord, programId: number): boolean {
  switch (record.way) {
    case 'holder':
      return holds(bpf.native, record);
    case 'tc-filter':
      return withRecordedTarget(bpf, record, () => filterProgram(bpf.native, record)) === programId;
    case 'netlink':
      return withRecordedTarget(bpf, record, () => xdpProgram(bpf.native, record)) === programId;
    case 'program-attach':
      // Where the kernel does not tell (sockmaps before 5.17), the target's presence is all that is known.
      return (
        withRecordedTarget(bpf, record, (fd) => programsAt(bpf, fd, record.attachType)?.includes(programId) ?? true) ??
        false
      );
    case 'registered-map':
      return withRecordedTarget(bpf, record, (map) => isRegistered(bpf, map)) ?? false;
    default:
      return true;
  }
}

/** The value of a struct_ops map begins with a count and its state (include/linux/bpf.h, enum bpf_struct_ops_state). */
function isRegistered(bpf: Bpf, map: number): boolean {
  using arena = new Arena();
  const value = arena.allocate(bpf.info(map).readUInt32LE(12));
  const result = bpf.call(COMMAND.mapLookup, (attr) => {
    attr.writeUInt32LE(map, 0);
    attr.writeBigUInt64LE(arena.allocate(4).address, 8);
    attr.writeBigUInt64LE(value.address, 16);
  });
  return result === 0 && value.bytes.readUInt32LE(4) === IN_USE;
}

function withPin<T>(bpf: Bpf, path: string, action: (fd: number) => T): T | undefined {
  const fd = bpf.open(path);
  if (fd < 0) return undefined;
  try {
    return action(fd);
  } finally {
    bpf.native.close(fd);
  }
}
