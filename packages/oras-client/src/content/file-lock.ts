import { lstat, readFile, readlink, rm, symlink } from 'node:fs/promises';
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

/**
 * A symbolic link that leads nowhere but says whose the lock is: it is made with its content in one step, so that a process that is killed
 * at any moment leaves a lock that tells of its death.
 */
async function tryCreate(path: string): Promise<boolean> {
  try {
    await symlink(`${process.pid} ${hostname()}`, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw storageError(error, `taking the lock ${path}`);
  }
}

/** A lock is stale when the process that made it is gone, or when it is too old. */
async function isStale(path: string): Promise<boolean> {
  try {
    if (Date.now() - (await lstat(path)).mtimeMs > MAX_AGE_MS) return true;
    const [pid = '', host = ''] = (await readOwner(path)).trim().split(' ');
    // Process numbers mean nothing in another container or machine that shares the folder.
    if (!/^\d+$/.test(pid) || host !== hostname()) return false;
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/** Earlier versions wrote a file. */
async function readOwner(path: string): Promise<string> {
  try {
    return await readlink(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error;
    return readFile(path, 'utf8');
  }
}

/**
 * Removes a stale lock. Only one process does so at a time, or a second one would remove the fresh lock of the first; a guard whose
 * process was killed is a stale lock itself.
 */
async function removeStale(path: string): Promise<void> {
  const guard = `${path}.takeover`;
  if (!(await tryCreate(guard))) {
    if (await isStale(guard)) await removeStale(guard);
    return;
  }
  try {
    if (await isStale(path)) await rm(path, { force: true });
  } finally {
    await rm(guard, { force: true });
  }
}
