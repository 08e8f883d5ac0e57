import type { Arena } from '../native/arena.ts';
import { type Bpf, COMMAND } from '../native/bpf.ts';
import { ATTACH_TYPES } from '../native/names.ts';

/** What BPF_LINK_CREATE is asked for (include/uapi/linux/bpf.h, union bpf_attr, link_create). */
export interface NewLink {
  /** Descriptor of the program, or of the map of a struct_ops. */
  program: number;
  /** Descriptor or interface index. Default 0. */
  target?: number;
  /** By libbpf's name. */
  attachType: string;
  flags?: number;
  /** Writes what belongs to the kind of link, from byte {@link LINK_DETAILS} on. */
  fill?: (attr: Buffer, arena: Arena) => void;
}

/** Where the part of the attribute begins that differs between kinds of links. */
export const LINK_DETAILS = 16;

/** Makes a link. @returns its descriptor, or `-errno`. */
export function createLink(bpf: Bpf, { program, target = 0, attachType, flags = 0, fill }: NewLink): number {
  return bpf.call(COMMAND.linkCreate, (attr, arena) => {
    attr.writeUInt32LE(program, 0);
    attr.writeUInt32LE(target, 4);
    attr.writeUInt32LE(ATTACH_TYPES.indexOf(attachType), 8);
    attr.writeUInt32LE(flags, 12);
    fill?.(attr, arena);
  });
}

/** Opens a raw tracepoint, or attaches a program at the target that it was loaded for. @returns the link's descriptor, or `-errno`. */
export function openRawTracepoint(bpf: Bpf, program: number, name?: string): number {
  return bpf.call(COMMAND.rawTracepointOpen, (attr, arena) => {
    if (name !== undefined) attr.writeBigUInt64LE(arena.string(name), 0);
    attr.writeUInt32LE(program, 8);
  });
}
