import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readImageBtf } from '../../src/facts/kernel-image.ts';
import { readKernelBtf } from '../../src/facts/kernel-btf.ts';
import { unpackLz4Legacy } from '../../src/facts/lz4-legacy.ts';

/** An ELF file, as far as its first bytes say, with BTF in it. */
function kernelWith(btf: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from('\x7fELF'), Buffer.alloc(8192, 0x5a), btf, Buffer.alloc(4096)]);
}

/** A bzImage: one sector of set-up after the first, then the payload (Documentation/arch/x86/boot.rst). */
function bzImage(payload: Buffer): Buffer {
  const head = Buffer.alloc(1024);
  head[0x1f1] = 1;
  head.write('HdrS', 0x202, 'latin1');
  head.writeUInt32LE(16, 0x248);
  head.writeUInt32LE(payload.length + 4, 0x24c);
  return Buffer.concat([head, Buffer.alloc(16), payload, Buffer.alloc(64)]);
}

/** A legacy frame of LZ4 in which everything is literals. */
function lz4Literals(bytes: Buffer): Buffer {
  const parts = [Buffer.from([0x02, 0x21, 0x4c, 0x18])];
  for (let at = 0; at < bytes.length; at += 8 * 1024 * 1024) {
    const block = bytes.subarray(at, at + 8 * 1024 * 1024);
    const more = block.length - 15;
    const length = Buffer.alloc(Math.floor(more / 255) + 1, 255);
    length[length.length - 1] = more % 255;
    const packed = Buffer.concat([Buffer.from([0xf0]), length, block]);
    const size = Buffer.alloc(4);
    size.writeUInt32LE(packed.length);
    parts.push(size, packed);
  }
  return Buffer.concat(parts);
}

describe('BTF in kernel images', async () => {
  const own = await readKernelBtf();
  if (!own) throw new Error('these tests run on a kernel with BTF');
  const kernel = kernelWith(own);

  it.each([
    ['zstd in a bzImage', bzImage(zstdCompressSync(kernel))],
    ['gzip in a bzImage', bzImage(gzipSync(kernel, { level: 1 }))],
    ['gzip', gzipSync(kernel, { level: 1 })],
    ['LZ4 in a bzImage', bzImage(lz4Literals(kernel))],
    ['nothing', kernel],
  ])('is cut out, packed by %s', async (_what, image) => {
    const { btf } = await readImageBtf(image);
    expect(btf && Buffer.compare(btf, own)).toBe(0);
  });

  it('is not believed where it is none', async () => {
    const broken = Buffer.from(own);
    broken.fill(0xff, 24, 4096);
    expect(await readImageBtf(kernelWith(broken))).toEqual({ btf: undefined, reason: 'none' });
    const long = Buffer.from(own.subarray(0, own.length >> 1));
    expect(await readImageBtf(kernelWith(long))).toEqual({ btf: undefined, reason: 'none' });
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['noise', Buffer.alloc(4096, 0xa5)],
    ['a payload beyond its end', bzImage(Buffer.from([0x28, 0xb5, 0x2f, 0xfd])).fill(0xff, 0x248, 0x250)],
    ['half a zstd frame', bzImage(zstdCompressSync(kernel).subarray(0, 100_000))],
    ['xz', bzImage(Buffer.from('\xfd7zXZ\0\0\0\0\0\0\0', 'latin1'))],
    ['a bomb', bzImage(zstdCompressSync(Buffer.alloc(600 * 1024 * 1024)))],
  ])('is not known of %s', async (_what, image) => {
    expect(await readImageBtf(image)).toEqual({ btf: undefined, reason: 'unknown' });
  });
});

/** A legacy frame with one block. */
function frame(...block: number[]): Buffer {
  return Buffer.from([0x02, 0x21, 0x4c, 0x18, block.length, 0, 0, 0, ...block]);
}

describe('LZ4', () => {
  it('copies what came before, also into itself', async () => {
    // "ab", then 8 bytes from 2 back, then "c".
    const text = await unpackLz4Legacy(frame(0x24, 0x61, 0x62, 2, 0, 0x10, 0x63), 1024);
    expect(text?.toString()).toBe('abababababc');
  });

  it.each([
    ['from before its begin', frame(0x10, 0x61, 5, 0)],
    ['from nowhere', frame(0x10, 0x61, 0, 0)],
    ['beyond the limit', frame(0x1f, 0x61, 1, 0, 255, 255, 255, 255, 255, 0)],
    ['literals that are not there', frame(0xf0, 255, 255)],
  ])('refuses a copy %s', async (_what, bytes) => {
    expect(await unpackLz4Legacy(bytes, 1024)).toBeUndefined();
  });
});
