import type { AttachedLink } from '../kernel.ts';
import { Arena } from '../native/arena.ts';
import { type Bpf, COMMAND } from '../native/bpf.ts';
import { ATTACH_TYPES } from '../native/names.ts';
import { type AttachRequest, attachError } from './attach-request.ts';
import { type AttachmentRecord, removeFolder } from './attachment-record.ts';
import { keepRecorded } from './keep-recorded.ts';

/** Beside others, in the order of attaching; cgroups only. */
const F_ALLOW_MULTI = 2;
/** Programs of one hook that are looked at. */
const MAX_PROGRAMS = 128;

/** An attachment by BPF_PROG_ATTACH. */
export type ProgramAttachment = Extract<AttachmentRecord, { way: 'program-attach' }>;

/** Attaches by BPF_PROG_ATTACH, and keeps what finds it. */
export function attachWithoutLink(
  request: AttachRequest,
  to: { target: number; where: string; hints: Readonly<Record<string, string>>; record: ProgramAttachment },
): AttachedLink {
  const { bpf, fd, options } = request;
  const kept = keepRecorded(request, to.record);
  const result = bpf.call(COMMAND.programAttach, (attr) => {
    attr.writeUInt32LE(to.target, 0);
    attr.writeUInt32LE(fd, 4);
    attr.writeUInt32LE(ATTACH_TYPES.indexOf(to.record.attachType), 8);
    attr.writeUInt32LE(to.record.cgroup === undefined ? 0 : F_ALLOW_MULTI, 12);
  });
  if (result === 0) return kept;
  removeFolder(options.linkPin);
  throw attachError(request, to.where, result, to.hints);
}

/** Takes a program away. @returns 0 or `-errno`. */
export function detachWithoutLink(bpf: Bpf, target: number, program: number, attachType: string): number {
  return bpf.call(COMMAND.programDetach, (attr) => {
    attr.writeUInt32LE(target, 0);
    attr.writeUInt32LE(program, 4);
    attr.writeUInt32LE(ATTACH_TYPES.indexOf(attachType), 8);
  });
}

/** Ids of the programs at a target; `undefined` where the kernel does not tell. */
export function programsAt(bpf: Bpf, target: number, attachType: string): number[] | undefined {
  using arena = new Arena();
  const ids = arena.allocate(MAX_PROGRAMS * 4);
  const attr = bpf.attribute((bytes) => {
    bytes.writeUInt32LE(target, 0);
    bytes.writeUInt32LE(ATTACH_TYPES.indexOf(attachType), 4);
    bytes.writeBigUInt64LE(ids.address, 16);
    bytes.writeUInt32LE(MAX_PROGRAMS, 24);
  }, arena);
  if (bpf.callWith(COMMAND.programQuery, attr) < 0) return undefined;
  return Array.from({ length: Math.min(attr.readUInt32LE(24), MAX_PROGRAMS) }, (_each, i) =>
    ids.bytes.readUInt32LE(i * 4),
  );
}
