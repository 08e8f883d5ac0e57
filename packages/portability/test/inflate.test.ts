import { randomBytes } from 'node:crypto';
import { constants, deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { inflate } from '../src/inflate.ts';

const { Z_FIXED, Z_HUFFMAN_ONLY, Z_RLE, Z_DEFAULT_STRATEGY } = constants;
const TEXT = Buffer.from(Array.from({ length: 20_000 }, (_, i) => `symbol_${(i * 7919) % 1013}`).join('\n'));

describe('inflate', () => {
  it.each([
    ['nothing', Buffer.alloc(0)],
    ['one byte', Buffer.from('a')],
    ['zeros', Buffer.alloc(100_000)],
    ['noise', randomBytes(70_000)],
    ['text', TEXT],
    ['a short period', Buffer.from('abc'.repeat(30_000))],
  ])('gives back what zlib packed: %s', (_name, bytes) => {
    for (const level of [0, 1, 9]) {
      for (const strategy of [Z_DEFAULT_STRATEGY, Z_FIXED, Z_HUFFMAN_ONLY, Z_RLE]) {
        const unpacked = inflate(deflateSync(bytes, { level, strategy }), bytes.length);
        expect(Buffer.compare(unpacked, bytes)).toBe(0);
      }
    }
  });

  it('refuses another size than is said', () => {
    const packed = deflateSync(TEXT);
    for (const size of [0, 1, TEXT.length - 1, TEXT.length + 1])
      expect(() => inflate(packed, size)).toThrow(RangeError);
  });

  it('refuses or unpacks broken streams, with no other error and no more bytes than are said', () => {
    const packed = deflateSync(TEXT.subarray(0, 5000));
    let seed = 1;
    const random = (below: number): number => (seed = (seed * 48_271) % 0x7fff_ffff) % below;
    for (let i = 0; i < 20_000; i++) {
      const broken = Buffer.from(packed.subarray(0, 1 + random(packed.length)));
      for (let k = 0; k <= i % 3; k++) broken[random(broken.length)] = random(256);
      try {
        expect(inflate(broken, 5000).length).toBe(5000);
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
    }
  });
});
