import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { makeFolder } from './make-folder.ts';
import { dirname } from 'node:path';
import { storageError } from '../errors.ts';

/**
 * Writes a file under another name, syncs it, and renames it. On any failure, of the disk or of the source, nothing is left.
 *
 * @param source - called once; its own errors are passed on as they are.
 * @throws {OciError} `ERR_OCI_NO_SPACE` or `ERR_OCI_STORAGE`.
 */
export async function writeAtomically(
  path: string,
  source: () => AsyncIterable<Uint8Array>,
  mode = 0o644,
): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  const disk = async <T>(action: () => Promise<T>): Promise<T> => {
    try {
      return await action();
    } catch (error) {
      throw storageError(error, `writing ${path}`);
    }
  };
  await disk(() => makeFolder(dirname(path)));
  try {
    const file = await disk(() => open(temporary, 'wx', mode));
    try {
      for await (const chunk of source()) await disk(() => writeWhole(file, chunk));
      await disk(() => file.sync());
    } finally {
      await file.close();
    }
    await disk(() => rename(temporary, path));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** A write may take fewer bytes than it is given. */
async function writeWhole(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let offset = 0; offset < chunk.length;) {
    offset += (await file.write(chunk, offset, chunk.length - offset)).bytesWritten;
  }
}
