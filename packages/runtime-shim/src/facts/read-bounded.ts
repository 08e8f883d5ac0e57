import { open } from 'node:fs/promises';

const CHUNK = 1024 * 1024;

/**
 * Reads a file that says nothing of its size, as those of /proc and /sys do.
 *
 * @param limit - in bytes.
 * @returns `undefined` where it cannot be read, or is longer.
 */
export async function readBounded(path: string, limit: number): Promise<Buffer | undefined> {
  const file = await open(path).catch(() => undefined);
  if (!file) return undefined;
  try {
    let buffer = Buffer.allocUnsafe(Math.min(limit + 1, CHUNK));
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length);
      length += bytesRead;
      if (length > limit) return undefined;
      if (bytesRead === 0) return buffer.subarray(0, length);
      if (length === buffer.length) {
        const larger = Buffer.allocUnsafe(Math.min(limit + 1, length * 4));
        buffer.copy(larger, 0, 0, length);
        buffer = larger;
      }
    }
  } catch {
    return undefined;
  } finally {
    await file.close().catch(() => undefined);
  }
}

/** A short text file without the white space around it; `undefined` where it cannot be read. */
export async function readWord(path: string): Promise<string | undefined> {
  return (await readBounded(path, 65_536))?.toString('latin1').trim();
}
