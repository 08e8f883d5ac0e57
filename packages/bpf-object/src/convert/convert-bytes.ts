import type { ConversionStep } from './conversion.ts';

/**
 * Converts bytes by a plan.
 *
 * @param into - zeroed bytes that take the result.
 * @returns whether everything had room: false where a number is beyond its new size, or something that has no place is not zero.
 */
export function convertBytes(
  steps: readonly ConversionStep[],
  bytes: Uint8Array,
  into: Uint8Array,
  littleEndian: boolean,
): boolean {
  for (const step of steps) {
    switch (step.kind) {
      case 'bytes':
        into.set(bytes.subarray(step.from, step.from + step.size), step.to);
        break;
      case 'number':
        if (!convertNumber(step, bytes, into, littleEndian)) return false;
        break;
      case 'bits':
        for (let bit = 0; bit < step.size; bit++) copyBit(bytes, step.from + bit, into, step.to + bit, littleEndian);
        break;
      case 'zero':
        if (bytes.subarray(step.from, step.from + step.size).some((byte) => byte !== 0)) return false;
        break;
    }
  }
  return true;
}

function convertNumber(
  { from, fromSize, to, toSize, signed, toSigned }: ConversionStep & { kind: 'number' },
  bytes: Uint8Array,
  into: Uint8Array,
  littleEndian: boolean,
): boolean {
  // Byte `i`, counted from the least significant one.
  const at = (start: number, size: number, i: number): number => start + (littleEndian ? i : size - 1 - i);
  const isNegative = signed && ((bytes[at(from, fromSize, fromSize - 1)] ?? 0) & 0x80) !== 0;
  if (isNegative && !toSigned) return false;
  const fill = isNegative ? 0xff : 0;
  for (let i = 0; i < Math.max(fromSize, toSize); i++) {
    const byte = i < fromSize ? (bytes[at(from, fromSize, i)] ?? 0) : fill;
    if (i < toSize) into[at(to, toSize, i)] = byte;
    else if (byte !== fill) return false;
  }
  return !toSigned || ((into[at(to, toSize, toSize - 1)] ?? 0) & 0x80) === (fill & 0x80);
}

/** A bit-field's first bit is the lowest of its byte where that comes first in memory, else the highest. */
function copyBit(bytes: Uint8Array, from: number, into: Uint8Array, to: number, littleEndian: boolean): void {
  const mask = (bit: number): number => (littleEndian ? 1 << (bit & 7) : 0x80 >> (bit & 7));
  if (((bytes[from >> 3] ?? 0) & mask(from)) !== 0) into[to >> 3] = (into[to >> 3] ?? 0) | mask(to);
}
