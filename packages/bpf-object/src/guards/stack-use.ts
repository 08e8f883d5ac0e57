import type { BpfFunction } from '../object/bpf-object.ts';
import { CLASS, CODE_CALL } from '../object/instruction.ts';

/** Tells whether bytes of a frame may be read back by the program. */
export type StackUse = (offset: number, size: number) => boolean;

const FRAME_POINTER = 10;
/** `r = s` in 64 bits. */
const CODE_MOVE = 0xbf;

/**
 * Which bytes of its frame a function may read back: those that it loads through r10. Where the frame's address goes elsewhere than into
 * the arguments of helpers, all of them.
 */
export function findStackUse(entry: BpfFunction): StackUse {
  const holders = new Set<number>([FRAME_POINTER]);
  for (let grown = true; grown;) {
    grown = false;
    for (const { code, destination, source } of entry.instructions) {
      if (code !== CODE_MOVE || !holders.has(source) || holders.has(destination)) continue;
      holders.add(destination);
      grown = true;
    }
  }
  if (addressEscapes(entry, holders)) return () => true;
  const loads = entry.instructions
    .filter(({ code, source }) => (code & 7) === CLASS.ldx && source === FRAME_POINTER)
    .map(({ code, offset }) => ({ offset, size: accessSize(code) }));
  return (offset, size) => loads.some((load) => load.offset < offset + size && load.offset + load.size > offset);
}

function addressEscapes({ instructions, references }: BpfFunction, holders: ReadonlySet<number>): boolean {
  const others = new Set([...holders].filter((register) => register !== FRAME_POINTER));
  return instructions.some(({ code, source }, at) => {
    const kind = code & 7;
    if (kind === CLASS.ldx) return others.has(source);
    if (kind === CLASS.stx) return holders.has(source);
    const callee = references.get(at)?.kind;
    // A callback gets the address that its helper got.
    return callee === 'callback' || (code === CODE_CALL && callee === 'call' && others.size > 0);
  });
}

/** Bytes that a load or store moves. */
export function accessSize(code: number): number {
  return [4, 2, 1, 8][(code >> 3) & 3] ?? 8;
}
