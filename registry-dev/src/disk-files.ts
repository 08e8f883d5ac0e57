import { randomUUID } from 'node:crypto';
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import { link, mkdir, open, readdir, rename, rm, rmdir, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import type { ByteRange, FileFacts, Files, OpenFile } from './files.ts';

/** Up to this size a blob is read at once; it takes well under a millisecond from the page cache. */
const AT_ONCE = 1024 * 1024;
/** Bytes of one read of a larger one. */
const STEP = 512 * 1024;

/**
 * Files below a folder. A new content gets its name by a rename, after its bytes are on the disk; what a killed process leaves is
 * either an upload, or a temporary file whose name begins with a dot, which nothing reads.
 */
export class DiskFiles implements Files {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  facts(path: string): FileFacts | undefined {
    const stats = ifThere(() => statSync(join(this.#root, path), { throwIfNoEntry: false }));
    return stats?.isFile()
      ? { size: stats.size, changed: Math.floor(Math.max(stats.mtimeMs, stats.ctimeMs)) }
      : undefined;
  }

  read(path: string): Buffer | undefined {
    return ifThere(() => readFileSync(join(this.#root, path)));
  }

  open(path: string): OpenFile | undefined {
    const file = ifThere(() => openSync(join(this.#root, path), 'r'));
    if (file === undefined) return undefined;
    const { size } = fstatSync(file);
    const read = (range: ByteRange = { start: 0, end: size - 1 }): ReturnType<OpenFile['read']> => {
      const length = range.end - range.start + 1;
      if (length > AT_ONCE) return streamAt(file, range);
      try {
        return readAt(file, range.start, length);
      } finally {
        closeSync(file);
      }
    };
    return { size, read, close: () => closeSync(file) };
  }

  list(folder: string): string[] {
    return ifThere(() => readdirSync(join(this.#root, folder))) ?? [];
  }

  async replace(path: string, content: Uint8Array | string): Promise<void> {
    const target = join(this.#root, path);
    const temporary = join(dirname(target), `.${randomUUID()}.tmp`);
    try {
      await inFolder(target, () => writeFile(temporary, content, { flush: true }));
      await rename(temporary, target);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  async create(path: string): Promise<void> {
    const target = join(this.#root, path);
    await (await inFolder(target, () => open(target, 'wx', 0o600))).close();
  }

  async append(path: string, body: AsyncIterable<Uint8Array>, written: (part: Uint8Array) => void): Promise<number> {
    const file = await open(join(this.#root, path), 'a');
    try {
      for await (const part of body) {
        await file.writeFile(part);
        written(part);
      }
      await file.sync();
      return (await file.stat()).size;
    } finally {
      await file.close();
    }
  }

  async move(from: string, to: string): Promise<void> {
    const target = join(this.#root, to);
    await inFolder(target, () => rename(join(this.#root, from), target));
  }

  async link(from: string, to: string): Promise<boolean> {
    const [source, target] = [join(this.#root, from), join(this.#root, to)];
    if (this.facts(from) === undefined) return false;
    try {
      await inFolder(target, () => link(source, target));
      return true;
    } catch (error) {
      if (hasCode(error, 'EEXIST')) return true;
      if (hasCode(error, 'ENOENT')) return false;
      throw error;
    }
  }

  async remove(path: string): Promise<boolean> {
    try {
      await unlink(join(this.#root, path));
      return true;
    } catch (error) {
      if (!hasCode(error, 'ENOENT', 'ENOTDIR')) throw error;
      return false;
    }
  }

  async prune(folder: string): Promise<void> {
    const path = join(this.#root, folder);
    for (const entry of await readdir(path, { withFileTypes: true }).catch(() => []))
      if (entry.isDirectory()) await this.prune(join(folder, entry.name));
    // Where something is in it, it stays.
    await rmdir(path).catch(() => undefined);
  }
}

/**
 * Reads on as fast as it is sent. The reads are synchronous like those of small files: half a mebibyte from the page cache takes less time
 * than a turn through the thread pool does on a busy machine.
 */
function streamAt(file: number, { start, end }: ByteRange): Readable {
  let at = start;
  return new Readable({
    highWaterMark: STEP,
    read() {
      const length = Math.min(STEP, end + 1 - at);
      this.push(length > 0 ? readAt(file, at, length) : null);
      at += length;
    },
    destroy(error, done) {
      closeSync(file);
      done(error);
    },
  });
}

function readAt(file: number, start: number, length: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(length);
  let have = 0;
  while (have < length) {
    const step = readSync(file, bytes, have, length - have, start + have);
    if (step === 0) throw new Error('a stored file became shorter while it was read');
    have += step;
  }
  return bytes;
}

/** Makes the folder only where it turns out to be missing: that is once, and asking costs every time. */
async function inFolder<T>(path: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    await mkdir(dirname(path), { recursive: true });
    return write();
  }
}

function ifThere<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'ENOTDIR', 'EISDIR')) throw error;
    return undefined;
  }
}

function hasCode(error: unknown, ...codes: string[]): boolean {
  return codes.includes((error as NodeJS.ErrnoException).code ?? '');
}
