import { open, readFile, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { OciError, storageError } from '../errors.ts';

/** Milliseconds for which a held lock is waited. */
const WAIT_MS = 10_000;
/** Milliseconds after which a lock is nobody's: it is held for single writes only. */
const MAX_AGE_MS = 60_000;

/**
 * Runs an action while holding a lock file, which only one process can have.
 *
 * @throws {OciError} `ERR_OCI_STORAGE` where another process holds it for too long, `ERR_OCI_NO_SPACE`.
 */
export async function withFileLock<T>(path: string, action: () => Promise<T>): Promise<T> {
  await acquire(path);
  try {
    return await action();
  } finally {
    await rm(path, { force: true });
  }
}

async function acquire(path: string): Promise<void> {
  const deadline = Date.now() + WAIT_MS;
  for (;;) {
    if (await tryCreate(path)) return;
    if (await isStale(path)) {
      await removeStale(path);
    } else if (Date.now() > deadline) {
      throw new OciError('ERR_OCI_STORAGE', `another process holds the lock ${path}`, {
        hint: `Wait for the other process; where there is none: rm ${path}`,
      });
    }
    await sleep(5 + Math.random() * 20);
  }
}

async function tryCreate(path: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(`${process.pid} ${hostname()}\n`);
    } catch (error) {
      // An empty lock would keep the others waiting.
      await rm(path, { force: true });
      throw error;
    } finally {
      await file.close();
    }
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw storageError(error, `taking the lock ${path}`);
  }
}

/** A lock is stale when the process that wrote it is gone, or when it is too old. */
async function isStale(path: string): Promise<boolean> {
  try {
    if (Date.now() - (await stat(path)).mtimeMs > MAX_AGE_MS) return true;
    const [pid = '', host = ''] = (await readFile(path, 'utf8')).trim().split(' ');
    // Process numbers mean nothing in another container or machine that shares the folder.
    if (!/^\d+$/.test(pid) || host !== hostname()) return false;
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/** Removes a stale lock. Only one process does so at a time, or a second one would remove the fresh lock of the first. */
async function removeStale(path: string): Promise<void> {
  const guard = `${path}.takeover`;
  if (!(await tryCreate(guard))) {
    const age = await stat(guard).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    );
    if (age > MAX_AGE_MS) await rm(guard, { force: true });
    return;
  }
  try {
    if (await isStale(path)) await rm(path, { force: true });
  } finally {
    await rm(guard, { force: true });
  }
}
