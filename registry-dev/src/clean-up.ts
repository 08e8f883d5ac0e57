import { readdir, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';

/** Uploads that nobody went on with for a day are given up. */
const STALE_MS = 24 * 3_600 * 1_000;

/** Removes what broken pushes and killed processes left a day ago or earlier: uploads and temporary files. */
export async function removeStale(root: string, now: number = Date.now()): Promise<void> {
  const repositories = join(root, 'repositories');
  for (const entry of await readdir(repositories, { recursive: true, withFileTypes: true }).catch(() => [])) {
    const garbage = basename(entry.parentPath) === '_uploads' || /^\.[0-9a-f-]{36}\.tmp$/.test(entry.name);
    if (!garbage || !entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const changed = await stat(path).then(
      ({ mtimeMs }) => mtimeMs,
      () => now,
    );
    if (now - changed >= STALE_MS) await rm(path, { force: true });
  }
}
