/** Gives a number from 0 to `limit` - 1. */
export type Random = (limit: number) => number;

/** Numbers that are the same for the same seed (mulberry32). */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
}

const INTERESTING = [0, 1, 2, 3, 4, 7, 8, 16, 31, 32, 63, 64, 127, 128, 255, 256, 511, 4096, 0x7fff, 0x8000, 0xffff];
const WIDE = [...INTERESTING, 0x10000, 0xffffff, 0x1000000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];

/** An element of a list that is not empty. */
export function pick<T>(list: readonly T[], random: Random): T {
  const item = list[random(list.length)];
  if (item === undefined) throw new RangeError('an empty list');
  return item;
}

/** A number of 32 bits at which something changes: a power of two or next to one, or any. */
export function interesting(random: Random): number {
  return random(3) === 0 ? random(0x1_0000_0000) : pick(WIDE, random);
}

/** One to six changes: bits, bytes, numbers at their own alignment, and pieces that are copied, cut out or doubled. */
export function mutateBytes(source: Uint8Array, random: Random, from = 0, to = source.length): Uint8Array {
  let bytes = source.slice();
  const span = Math.max(1, to - from);
  for (let change = random(6); change >= 0; change--) {
    const at = Math.min(from + random(span), Math.max(0, bytes.length - 1));
    switch (random(8)) {
      case 0:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
        break;
      case 1:
        bytes[at] = random(256);
        break;
      case 2:
        writeNumber(bytes, at & ~1, 2, INTERESTING[random(INTERESTING.length)] ?? 0);
        break;
      case 3:
      case 4:
        writeNumber(bytes, at & ~3, 4, WIDE[random(WIDE.length)] ?? 0);
        break;
      case 5:
        bytes.copyWithin(at, from + random(span), from + random(span));
        break;
      case 6:
        if (random(4) === 0) bytes = bytes.slice(0, Math.max(1, at));
        break;
      default:
        writeNumber(bytes, at & ~3, 4, random(0x1_0000_0000));
    }
  }
  return bytes;
}

function writeNumber(bytes: Uint8Array, at: number, size: 2 | 4, value: number): void {
  if (at + size > bytes.length) return;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (size === 2) view.setUint16(at, value & 0xffff, true);
  else view.setUint32(at, value >>> 0, true);
}
