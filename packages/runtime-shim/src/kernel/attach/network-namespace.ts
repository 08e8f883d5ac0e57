import { closeSync, openSync } from 'node:fs';
import { KernelError } from '../kernel-error.ts';
import { errnoName } from '../native/errno.ts';
import type { Native } from '../native/library.ts';
import { refuse } from './attach-request.ts';

const OWN = '/proc/thread-self/ns/net';
const CLONE_NEWNET = 0x4000_0000;

/** Opens the file of a network namespace for the time of an action. @param path - default: that of this thread. */
export function withNetworkNamespace<T>(path: string | undefined, action: (fd: number) => T): T {
  let fd: number;
  try {
    fd = openSync(path ?? OWN, 'r');
  } catch (error) {
    const errno = (error as NodeJS.ErrnoException).code ?? '';
    throw refuse(
      `the network namespace ${path ?? OWN} cannot be opened (${errno})`,
      'Namespaces have files in /run/netns ("ip netns list") and /proc/PID/ns/net.',
      errno,
    );
  }
  try {
    return action(fd);
  } finally {
    closeSync(fd);
  }
}

/** Runs an action with this thread in a network namespace. @param path - default: where it is. */
export function inNetworkNamespace<T>(native: Native, path: string | undefined, action: () => T): T {
  if (path === undefined) return action();
  return withNetworkNamespace(undefined, (home) =>
    withNetworkNamespace(path, (there) => {
      enter(native, there, path);
      try {
        return action();
      } finally {
        enter(native, home, OWN);
      }
    }),
  );
}

function enter(native: Native, fd: number, path: string): void {
  if (native.setns(fd, CLONE_NEWNET) === 0) return;
  const errno = errnoName(native.errno());
  throw new KernelError('ERR_KERNEL_ATTACH', `the network namespace ${path} cannot be entered (${errno})`, {
    errno,
    hint: errno === 'EPERM' ? 'CAP_SYS_ADMIN is needed for it.' : 'The file must be one of a network namespace.',
  });
}
