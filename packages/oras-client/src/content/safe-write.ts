import { randomUUID } from 'node:crypto';
import { link, lstat, mkdir, open, realpath, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { OciError, storageError } from '../errors.ts';
import { safePathParts } from './file-name.ts';

/** Where to write. */
export interface SafeWriteOptions {
  /** The folder that must not be left; it is there. */
  root: string;
  /** Relative path. */
  title: string;
  /** Replaces a file that is there. Default false. */
  overwrite?: boolean;
}

/**
 * Writes a file below a folder. No symbolic link on the way is followed, nothing outside is touched, and a file that is there is not replaced
 * unless asked. The file appears under its name when it is whole; on any failure nothing is left.
 *
 * @param source - called once; its own errors are passed on as they are.
 * @returns the path written.
 * @throws {OciError} `ERR_OCI_UNSAFE_PATH`, `ERR_OCI_ALREADY_EXISTS`, `ERR_OCI_NO_SPACE`, `ERR_OCI_STORAGE`.
 */
export async function writeBelow(
  { root, title, overwrite = false }: SafeWriteOptions,
  source: () => AsyncIterable<Uint8Array>,
): Promise<string> {
  const path = join(root, ...safePathParts(title));
  const disk = async <T>(action: () => Promise<T>): Promise<T> => {
    try {
      return await action();
    } catch (error) {
      throw storageError(error, `writing ${path}`);
    }
  };
  await disk(() => makeParents(root, title));
  // Said before any byte is fetched; the link below decides.
  if (!overwrite && (await disk(() => fileKind(path))) !== 'none') throw alreadyExists(path);
  const temporary = join(dirname(path), `.${randomUUID()}.tmp`);
  try {
    const file = await disk(() => open(temporary, 'wx', 0o644));
    try {
      for await (const chunk of source()) await disk(() => file.writeFile(chunk));
      await disk(() => file.sync());
    } finally {
      await file.close();
    }
    await disk(() => checkParents(root, title));
    await disk(() => (overwrite ? replace(temporary, path) : place(temporary, path)));
    return path;
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** What has a name in a folder: nothing, a regular file, or something else. Links are not followed. */
export async function fileKind(path: string): Promise<'none' | 'file' | 'other'> {
  try {
    return (await lstat(path)).isFile() ? 'file' : 'other';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'none';
    throw error;
  }
}

/** Makes the folders above a file, one by one, none through a link. */
async function makeParents(root: string, title: string): Promise<void> {
  let folder = root;
  for (const part of safePathParts(title).slice(0, -1)) {
    folder = join(folder, part);
    await mkdir(folder).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    });
    if (!(await lstat(folder)).isDirectory()) throw notAFolder(folder);
  }
}

/** Somebody may have put a link in the way while the file was written. */
async function checkParents(root: string, title: string): Promise<void> {
  const parts = safePathParts(title).slice(0, -1);
  const [found, expected] = [await realpath(join(root, ...parts)), join(await realpath(root), ...parts)];
  if (found !== expected) throw notAFolder(join(root, ...parts));
}

function notAFolder(folder: string): OciError {
  return new OciError('ERR_OCI_UNSAFE_PATH', `${folder} is a link or a file where a folder is wanted`, {
    hint: 'Write into another folder, or take it away.',
  });
}

/** A hard link is made only where nothing has the name; some file systems have none. */
async function place(temporary: string, path: string): Promise<void> {
  try {
    await link(temporary, path);
    await rm(temporary, { force: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw alreadyExists(path);
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP' && code !== 'ENOSYS') throw error;
    if ((await fileKind(path)) !== 'none') throw alreadyExists(path);
    await rename(temporary, path);
  }
}

/** Only a regular file is replaced: a link or device there is somebody's intention. */
async function replace(temporary: string, path: string): Promise<void> {
  if ((await fileKind(path)) === 'other') throw alreadyExists(path, 'something that is no regular file');
  await rename(temporary, path);
}

function alreadyExists(path: string, what = 'a file'): OciError {
  return new OciError('ERR_OCI_ALREADY_EXISTS', `there is ${what} already: ${path}`, {
    hint: 'Take it away, write into another folder, or ask for overwriting.',
  });
}
