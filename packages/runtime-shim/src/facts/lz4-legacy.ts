import { setImmediate as nextTurn } from 'node:timers/promises';

/** The kernel's build packs with `lz4 -l`: blocks of at most this size when unpacked (Documentation of lz4, "Legacy frame"). */
const BLOCK_SIZE: number = 8 * 1024 * 1024;
/** Marks a legacy frame. */
export const LZ4_LEGACY_MAGIC = 0x184c2102;

/**
 * Unpacks a legacy frame of LZ4, as kernel images have it, and lets others have their turn between its blocks. What follows the last whole
 * block is left alone.
 *
 * @param limit - of the unpacked bytes.
 * @returns `undefined` where the bytes are no such frame, or unpack to more.
 */
export async function unpackLz4Legacy(bytes: Buffer, limit: number): Promise<Buffer | undefined> {
  if (bytes.length < 8 || bytes.readUInt32LE(0) !== LZ4_LEGACY_MAGIC) return undefined;
  const blocks: Buffer[] = [];
  let size = 0;
  for (let at = 4; at + 4 <= bytes.length;) {
    const packed = bytes.readUInt32LE(at);
    at += 4;
    if (packed === 0 || at + packed > bytes.length) break;
    const block = unpackBlock(bytes.subarray(at, at + packed), Math.min(BLOCK_SIZE, limit - size));
    if (block === undefined) return undefined;
    blocks.push(block);
    size += block.length;
    at += packed;
    await nextTurn();
  }
  return blocks.length === 0 ? undefined : Buffer.concat(blocks);
}

/** One block: sequences of literals and of copies of what came before (lz4_Block_format.md). */
function unpackBlock(from: Buffer, limit: number): Buffer | undefined {
  const to = Buffer.allocUnsafe(limit);
  let at = 0;
  let end = 0;
  /** A length of 15 goes on in further bytes, as long as they are 255. */
  const lengthOf = (start: number): number => {
    let length = start;
    if (start !== 15) return length;
    for (;;) {
      const more = from[at++];
      if (more === undefined) return Number.MAX_SAFE_INTEGER;
      length += more;
      if (more !== 255) return length;
    }
  };
  while (at < from.length) {
    const token = from[at++] ?? 0;
    const literals = lengthOf(token >> 4);
    if (at + literals > from.length || end + literals > limit) return undefined;
    from.copy(to, end, at, at + literals);
    at += literals;
    end += literals;
    if (at === from.length) break;
    if (at + 2 > from.length) return undefined;
    const offset = from.readUInt16LE(at);
    at += 2;
    const length = lengthOf(token & 15) + 4;
    if (offset === 0 || offset > end || end + length > limit) return undefined;
    // A copy may reach into what it writes.
    if (offset >= length) to.copy(to, end, end - offset, end - offset + length);
    else for (let i = 0; i < length; i++) to[end + i] = to[end + i - offset] ?? 0;
    end += length;
  }
  return to.subarray(0, end);
}
