import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Kernel } from '../kernel/kernel.ts';
import { KernelError } from '../kernel/kernel-error.ts';
import { isFileError, ShimError, stateError } from '../shim-error.ts';

/** Milliseconds that another process's work is waited for. */
const DEFAULT_WAIT_MS = 30_000;
/** Milliseconds between tries. */
const INTERVAL_MS = 50;

/**
 * Runs an action while no other process changes the node. The lock is the kernel's (flock): it ends with its process, however that ends.
 *
 * @param options.waitMs - default 30,000, by a clock that does not jump.
 * @param options.signal - ends the waiting; the action itself is not interrupted.
 * @throws {ShimError} `ERR_SHIM_LOCKED`; `ERR_SHIM_PRIVILEGE`, `ERR_SHIM_NO_SPACE` and `ERR_SHIM_STATE` where a file or pin cannot be
 * used.
 */
export async function withNodeLock<T>(
  kernel: Kernel,
  stateDir: string,
  action: () => Promise<T>,
  options: { waitMs?: number; signal?: AbortSignal } = {},
): Promise<T> {
  const { waitMs = DEFAULT_WAIT_MS, signal } = options;
  const path = join(stateDir, 'lock');
  const deadline = performance.now() + waitMs;
  signal?.throwIfAborted();
  let held = await tryLock(kernel, path);
  while (held === undefined) {
    if (performance.now() >= deadline) {
      throw new ShimError('ERR_SHIM_LOCKED', `another bpfship works on this node (${path})`, {
        hint: `Wait for it to end, then try again. Which one it is: fuser ${path}`,
      });
    }
    await sleep(INTERVAL_MS, undefined, signal === undefined ? {} : { signal });
    held = await tryLock(kernel, path);
  }
  try {
    return await action();
  } catch (error) {
    throw isFileError(error) ? stateError(error, `changing the node: ${(error as Error).message}`) : error;
  } finally {
    await kernel.unlockFile(held);
  }
}

async function tryLock(kernel: Kernel, path: string): Promise<number | undefined> {
  try {
    return await kernel.lockFile(path);
  } catch (error) {
    throw error instanceof KernelError && error.errno !== undefined ? stateError(error, `opening ${path}`) : error;
  }
}
