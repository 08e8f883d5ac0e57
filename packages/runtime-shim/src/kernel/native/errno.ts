import { constants } from 'node:os';
import { KernelError, type KernelErrorCode, type KernelErrorDetails } from '../kernel-error.ts';

const NAMES: ReadonlyMap<number, string> = new Map([
  ...Object.entries(constants.errno).map(([name, value]): [number, string] => [value, name]),
  // The same number as EWOULDBLOCK, which is what sockets call it.
  [constants.errno.EAGAIN, 'EAGAIN'],
  // The kernel's own number that user space has no name for (include/linux/errno.h).
  [524, 'ENOTSUPP'],
]);

/** Name of an errno, e.g. `EPERM`. */
export function errnoName(number: number): string {
  return NAMES.get(Math.abs(number)) ?? `errno ${Math.abs(number)}`;
}

/** Errors that say something about this moment or this process, and nothing about what the kernel can do. */
const NO_ANSWER: ReadonlySet<string> = new Set(['EPERM', 'ENOMEM', 'EMFILE', 'ENFILE', 'EAGAIN', 'EINTR']);

/** What the result of a trial says: it worked, the kernel cannot do it, or (`undefined`) nothing. */
export function answerOf(result: number): boolean | undefined {
  if (result >= 0) return true;
  return NO_ANSWER.has(errnoName(result)) ? undefined : false;
}

/** The error of a failed call. Missing rights get their own code. */
export function callError(
  code: KernelErrorCode,
  what: string,
  errno: number,
  details: KernelErrorDetails = {},
): KernelError {
  const name = errnoName(errno);
  const denied = name === 'EPERM' || name === 'EACCES';
  return new KernelError(
    denied && !details.log ? 'ERR_KERNEL_PRIVILEGE' : code,
    denied && !details.log ? `the kernel did not allow ${what} (${name})` : `${what} failed (${name})`,
    { ...details, errno: name },
  );
}
