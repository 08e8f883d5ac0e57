import { type Bpf, COMMAND } from './bpf.ts';

/** BTF of a few types (Documentation/bpf/btf.rst): the words of each type, one after the other, and its strings. */
export interface BtfContent {
  /** Each begins with name offset, info, and size or type. */
  types: readonly (readonly number[])[];
  /** Names, each of which is found at the sum of the lengths before it, plus 1 for each and 1 at the begin. */
  names: readonly string[];
}

/** Numbers of kinds (include/uapi/linux/btf.h). */
export const BTF_KIND = { int: 1, pointer: 2, struct: 4, func: 12, funcProto: 13, enum64: 19 } as const;

/** Second word of a type. `more`: vlen, or the linkage of a function. */
export function btfInfo(kind: number, more = 0): number {
  return ((kind << 24) | more) >>> 0;
}

/** `int`, named by the first name, as type. */
export const BTF_INT: readonly number[] = [1, btfInfo(BTF_KIND.int), 4, (1 << 24) | 32];

/** Hands BTF to the kernel. @returns a descriptor, or `-errno`. */
export function loadBtf(bpf: Bpf, { types, names }: BtfContent): number {
  const words = types.flat();
  const strings = Buffer.from(`\0${names.map((name) => `${name}\0`).join('')}`);
  const blob = Buffer.alloc(24 + words.length * 4 + strings.length);
  blob.writeUInt16LE(0xeb9f, 0);
  blob.writeUInt8(1, 2);
  blob.writeUInt32LE(24, 4);
  blob.writeUInt32LE(words.length * 4, 12);
  blob.writeUInt32LE(words.length * 4, 16);
  blob.writeUInt32LE(strings.length, 20);
  for (const [i, word] of words.entries()) blob.writeUInt32LE(word >>> 0, 24 + i * 4);
  strings.copy(blob, 24 + words.length * 4);
  return loadBtfBytes(bpf, blob);
}

/** Hands BTF that is written already to the kernel. @returns a descriptor, or `-errno`. */
export function loadBtfBytes(bpf: Bpf, blob: Uint8Array): number {
  return bpf.call(COMMAND.btfLoad, (attr, arena) => {
    attr.writeBigUInt64LE(arena.copy(blob), 0);
    attr.writeUInt32LE(blob.length, 16);
  });
}
