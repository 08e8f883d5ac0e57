import { narrowInteger } from '../btf/decode-type.ts';
import type { Read } from './event.ts';

/** Reads an integer of 1, 2, 4, 8 or 16 bytes: a number where it is exact, else a bigint. Undefined for other sizes. */
export function integerReader(size: number, signed: boolean, littleEndian: boolean): Read | undefined {
  switch (size) {
    case 1:
      return signed ? ({ view }, at) => view.getInt8(at) : ({ view }, at) => view.getUint8(at);
    case 2:
      return signed
        ? ({ view }, at) => view.getInt16(at, littleEndian)
        : ({ view }, at) => view.getUint16(at, littleEndian);
    case 4:
      return signed
        ? ({ view }, at) => view.getInt32(at, littleEndian)
        : ({ view }, at) => view.getUint32(at, littleEndian);
    case 8:
      return signed ? signed64(littleEndian) : unsigned64(littleEndian);
    case 16:
      return ({ view }, at) => read128(view, at, signed, littleEndian);
    default:
      return undefined;
  }
}

/** Two 32-bit halves make most values without a bigint, which is several times slower. */
function unsigned64(littleEndian: boolean): Read {
  return ({ view }, at) => {
    const high = view.getUint32(littleEndian ? at + 4 : at, littleEndian);
    if (high >= 0x20_0000) return view.getBigUint64(at, littleEndian);
    return high * 0x1_0000_0000 + view.getUint32(littleEndian ? at : at + 4, littleEndian);
  };
}

function signed64(littleEndian: boolean): Read {
  return ({ view }, at) => {
    const high = view.getInt32(littleEndian ? at + 4 : at, littleEndian);
    if (high >= 0x20_0000 || high < -0x20_0000) return narrowInteger(view.getBigInt64(at, littleEndian));
    return high * 0x1_0000_0000 + view.getUint32(littleEndian ? at : at + 4, littleEndian);
  };
}

function read128(view: DataView, at: number, signed: boolean, littleEndian: boolean): number | bigint {
  const high = view.getBigUint64(littleEndian ? at + 8 : at, littleEndian);
  const low = view.getBigUint64(littleEndian ? at : at + 8, littleEndian);
  const value = (high << 64n) | low;
  return narrowInteger(signed ? BigInt.asIntN(128, value) : value);
}

/** Reads a bit-field. `bitOffset` counts from the start of the struct: from the low end on little-endian machines, else from the high end. */
export function bitFieldReader(bitOffset: number, bitSize: number, signed: boolean, littleEndian: boolean): Read {
  const first = Math.floor(bitOffset / 8);
  const count = Math.ceil((bitOffset + bitSize) / 8) - first;
  const before = bitOffset - first * 8;
  const shift = BigInt(littleEndian ? before : count * 8 - before - bitSize);
  return ({ bytes }, at) => {
    let bits = 0n;
    for (let index = 0; index < count; index++) {
      const place = at + first + (littleEndian ? count - 1 - index : index);
      bits = (bits << 8n) | BigInt(bytes[place] ?? 0);
    }
    bits >>= shift;
    return narrowInteger(signed ? BigInt.asIntN(bitSize, bits) : BigInt.asUintN(bitSize, bits));
  };
}
