import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { CACHE } from './debian-archive.ts';
import { ARM64_SERIES, fetchKernel, KERNEL_SERIES } from './kernels.ts';

/** Series whose BTF can be had; see {@link kernelBtf}. */
export const BTF_SERIES: readonly string[] = [...KERNEL_SERIES, ARM64_SERIES];

/** The BTF of a Debian kernel, cut out of its image once and kept in the cache; nothing is booted. @returns the file's path. */
export function kernelBtf(series: string): string {
  const file = join(CACHE, 'kernels', series, 'vmlinux.btf');
  if (existsSync(file)) return file;
  const btf = cutBtf(decompress(readFileSync(fetchKernel(series).vmlinuz)));
  const part = `${file}.${process.pid}.part`;
  writeFileSync(part, btf);
  renameSync(part, file);
  return file;
}

/** The kernel inside an image: x86 boot protocol (Documentation/arch/x86/boot.rst), EFI zboot, plain gzip, or not compressed. */
function decompress(image: Buffer): Buffer {
  if (image.toString('latin1', 0x202, 0x206) === 'HdrS') {
    const start = (image.readUInt8(0x1f1) || 4) * 512 + 512 + image.readUInt32LE(0x248);
    // The last four bytes are the size of the kernel.
    return unpack(image.subarray(start, start + image.readUInt32LE(0x24c) - 4));
  }
  if (image.toString('latin1', 4, 8) === 'zimg') {
    const start = image.readUInt32LE(8);
    return unpack(image.subarray(start, start + image.readUInt32LE(12)));
  }
  return unpack(image);
}

function unpack(payload: Buffer): Buffer {
  switch (payload.readUInt32LE(0)) {
    case 0xfd2fb528:
      return zstdDecompressSync(payload);
    case 0x184c2102: {
      const { status, stdout } = spawnSync('lz4', ['-dc'], { input: payload, maxBuffer: 512 * 1024 * 1024 });
      if (status !== 0) throw new Error('lz4 could not decompress a kernel image (package lz4)');
      return stdout;
    }
    default:
      return payload.readUInt16LE(0) === 0x8b1f ? gunzipSync(payload) : payload;
  }
}

/** The kernel's BTF is the largest thing in it that starts as BTF does. */
function cutBtf(kernel: Buffer): Buffer {
  const magic = Buffer.from([0x9f, 0xeb, 1, 0, 24, 0, 0, 0, 0, 0, 0, 0]);
  for (let at = kernel.indexOf(magic); at >= 0; at = kernel.indexOf(magic, at + 1)) {
    const typesLength = kernel.readUInt32LE(at + 12);
    const length = 24 + kernel.readUInt32LE(at + 16) + kernel.readUInt32LE(at + 20);
    if (kernel.readUInt32LE(at + 16) === typesLength && length > 1_000_000 && at + length <= kernel.length)
      return kernel.subarray(at, at + length);
  }
  throw new Error('the kernel image holds no BTF');
}
