import { deflateSync } from 'node:zlib';
import type { Packed } from '@bpfship/portability';

/** Of zlib: twice as fast as its default, for 2 % more bytes. */
const PACK_LEVEL = 4;

/** A list of names (spec/kernel-facts.md, "Lists"). */
export function packText(text: string): Packed {
  return pack(Buffer.from(text, 'latin1'));
}

/** Bytes in their short form (spec/kernel-facts.md, "Packed data"). */
export function pack(bytes: Uint8Array): Packed {
  const packed = deflateSync(bytes, { level: PACK_LEVEL });
  return { encoding: 'zlib', size: bytes.length, data: packed.toString('base64') };
}
