import { closeSync, constants, mkdirSync, openSync } from 'node:fs';
import { KernelError } from '../kernel/kernel-error.ts';
import type { Native } from '../kernel/native/library.ts';

/** LOCK_EX | LOCK_NB (flock(2)). */
const EXCLUSIVE_NOW = 2 | 4;
/** Milliseconds between looks, and for how long: a change takes some tens of them. */
const INTERVAL_MS = 5;
const PATIENCE_MS = 10_000;

/**
 * Does something while no other tool that keeps to the protocol changes dispatchers. The folder is made where it is missing.
 *
 * @throws {KernelError} `ERR_KERNEL_ATTACH` where another one keeps the lock.
 */
export function withFolderLock<T>(native: Native, folder: string, action: () => T): T {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    takeLock(native, fd, folder);
    return action();
  } finally {
    // Which gives the lock back.
    closeSync(fd);
  }
}

function takeLock(native: Native, fd: number, folder: string): void {
  const clock = new Int32Array(new SharedArrayBuffer(4));
  for (let waited = 0; native.flock(fd, EXCLUSIVE_NOW) !== 0; waited += INTERVAL_MS) {
    if (waited >= PATIENCE_MS) {
      throw new KernelError('ERR_KERNEL_ATTACH', `another program has kept the lock on ${folder} for 10 seconds`, {
        errno: 'EAGAIN',
        hint: `"fuser ${folder}" names it; try again once it has ended.`,
      });
    }
    Atomics.wait(clock, 0, 0, INTERVAL_MS);
  }
}
