import { existsSync, statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/**
 * Makes a folder and those above it. Folder by folder: where a file system takes no folders and says ENOENT, as /proc does, the recursion of
 * Node's `mkdir` does not come to an end.
 *
 * @param options.onMade - is called for each folder that was made, the outermost first.
 * @returns the outermost folder that was made; `undefined` where it was there.
 * @throws {Error} of the file system; `ENOTDIR` where something else has its name.
 */
export async function makeFolder(
  path: string,
  options: { mode?: number; onMade?: (folder: string) => Promise<void> } = {},
): Promise<string | undefined> {
  const missing: string[] = [];
  for (let folder = resolve(path); !existsSync(folder); folder = dirname(folder)) missing.unshift(folder);
  for (const folder of missing) {
    await mkdir(folder, options.mode).catch((error: unknown) => {
      // Somebody else may make the same one.
      if (!isFolder(folder)) throw error;
    });
    await options.onMade?.(folder);
  }
  if (!isFolder(path)) throw Object.assign(new Error(`${path} is no folder`), { code: 'ENOTDIR' });
  return missing[0];
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
