import { promisify } from 'node:util';
import { gunzip, zstdDecompress } from 'node:zlib';
import { parseBtf } from '@bpfship/bpf-object';
import { LZ4_LEGACY_MAGIC, unpackLz4Legacy } from './lz4-legacy.ts';

/** Bytes of an unpacked kernel; today's have 40 to 90 MB. */
const MAX_KERNEL_SIZE: number = 512 * 1024 * 1024;
/** The kernel's BTF has some MB; what is far smaller only looks like it. */
const MIN_BTF_SIZE = 100_000;
/** As of the running kernel's. */
const MAX_BTF_SIZE: number = 64 * 1024 * 1024;
/** Magic, version 1, no flags, a header of 24 bytes, types at once after it (include/uapi/linux/btf.h, struct btf_header). */
const BTF_HEADER: Buffer = Buffer.from([0x9f, 0xeb, 1, 0, 24, 0, 0, 0, 0, 0, 0, 0]);

/** What a kernel image says of the kernel's BTF. */
export type ImageBtf =
  /** Cut out of it, and readable. */
  | { btf: Uint8Array }
  /** `none`: it was unpacked, and has none. `unknown`: it cannot be unpacked here. */
  | { btf: undefined; reason: 'none' | 'unknown' };

/** The BTF inside a kernel image (vmlinuz, Image). The image may be damaged: nothing of it is believed. */
export async function readImageBtf(image: Buffer): Promise<ImageBtf> {
  const kernel = await unpackImage(image).catch(() => undefined);
  if (kernel === undefined) return { btf: undefined, reason: 'unknown' };
  const btf = cutBtf(kernel);
  return btf === undefined ? { btf: undefined, reason: 'none' } : { btf };
}

/** The kernel inside: x86 boot protocol (Documentation/arch/x86/boot.rst), EFI zboot (drivers/firmware/efi/libstub/zboot-header.S), plain gzip, or not packed. */
async function unpackImage(image: Buffer): Promise<Buffer | undefined> {
  if (image.length < 0x250) return undefined;
  if (image.toString('latin1', 0x202, 0x206) === 'HdrS') {
    const start = ((image[0x1f1] || 4) + 1) * 512 + image.readUInt32LE(0x248);
    // The last four bytes are the size of the kernel.
    return unpack(image.subarray(start, start + image.readUInt32LE(0x24c) - 4));
  }
  if (image.toString('latin1', 4, 8) === 'zimg') {
    const start = image.readUInt32LE(8);
    return unpack(image.subarray(start, start + image.readUInt32LE(12)));
  }
  return unpack(image);
}

/** @returns `undefined` for what Node cannot unpack (xz, lzma, lzo, bzip2). */
async function unpack(payload: Buffer): Promise<Buffer | undefined> {
  if (payload.length < 8) return undefined;
  const options = { maxOutputLength: MAX_KERNEL_SIZE };
  if (payload.readUInt32LE(0) === 0xfd2fb528) return promisify(zstdDecompress)(payload, options);
  if (payload.readUInt32LE(0) === LZ4_LEGACY_MAGIC) return unpackLz4Legacy(payload, MAX_KERNEL_SIZE);
  if (payload.readUInt16LE(0) === 0x8b1f) return promisify(gunzip)(payload, options);
  const isElf = payload.readUInt32BE(0) === 0x7f454c46;
  const isArm64 = payload.toString('latin1', 56, 60) === 'ARM\x64';
  return isElf || isArm64 ? payload : undefined;
}

/** The kernel's BTF is the largest thing in it that starts as BTF does, and can be read as BTF. A copy: the kernel can go. */
function cutBtf(kernel: Buffer): Uint8Array | undefined {
  let found: Buffer | undefined;
  for (let at = kernel.indexOf(BTF_HEADER); at >= 0; at = kernel.indexOf(BTF_HEADER, at + 4)) {
    if (at + 24 > kernel.length) break;
    const typesLength = kernel.readUInt32LE(at + 12);
    const stringsOffset = kernel.readUInt32LE(at + 16);
    const length = 24 + stringsOffset + kernel.readUInt32LE(at + 20);
    if (stringsOffset !== typesLength || length < MIN_BTF_SIZE || length > MAX_BTF_SIZE || at + length > kernel.length)
      continue;
    if (found === undefined || length > found.length) found = kernel.subarray(at, at + length);
  }
  if (found === undefined || !isBtf(found)) return undefined;
  return Uint8Array.from(found);
}

function isBtf(bytes: Uint8Array): boolean {
  try {
    parseBtf(bytes);
    return true;
  } catch {
    return false;
  }
}
