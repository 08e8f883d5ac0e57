import { closeSync, openSync } from 'node:fs';
import { basename, dirname } from 'node:path';

/** Bytes of `sun_path` in struct sockaddr_un, less the NUL. */
const MAX_PATH = 107;

/** Runs an action with a path for a socket that fits into the kernel's address, however deep its folder lies. */
export async function withSocketPath<T>(path: string, action: (path: string) => Promise<T>): Promise<T> {
  if (Buffer.byteLength(path) <= MAX_PATH) return action(path);
  const folder = openSync(dirname(path), 'r');
  try {
    return await action(`/proc/self/fd/${folder}/${basename(path)}`);
  } finally {
    closeSync(folder);
  }
}
