import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { KernelError } from '../kernel-error.ts';
import type { AttachmentRecord } from './attachment-record.ts';

/** What tells a holder from every other process: a variable of its environment. */
const MARK = 'BPFSHIP_HOLDER=1';
/** Waits for ever and does nothing else; half a megabyte. */
const SLEEPERS = ['/usr/bin/sleep', '/bin/sleep'];

/** A process that holds descriptors. */
export type SleepingHolder = Extract<AttachmentRecord, { way: 'holder'; pid: number }>;

/** Whether the process lives and is the one. */
export function sleeperHolds({ pid, started }: SleepingHolder): boolean {
  return started !== '' && startOf(pid) === started && hasMark(pid);
}

/** Ends the process, and with it what it holds. */
export function endSleeper(record: SleepingHolder): void {
  if (!sleeperHolds(record)) return;
  try {
    process.kill(record.pid, 'SIGKILL');
  } catch {
    // Ended meanwhile.
  }
}

/**
 * Starts a process of its own session that holds descriptors open, and no others: `sleep`, or where there is none Node. There is nothing to
 * take over: the next shim finds it by the attachment's record, and ends it to let go.
 */
export function startSleeper(descriptors: readonly number[]): Pick<SleepingHolder, 'pid' | 'started'> {
  const sleeper = SLEEPERS.find((path) => existsSync(path));
  const [command, args] =
    sleeper === undefined
      ? [process.execPath, ['--max-old-space-size=8', '-e', 'setInterval(() => {}, 2 ** 31 - 1)']]
      : [sleeper, ['2147483647']];
  const child = spawn(command, args, {
    stdio: ['ignore', 'ignore', 'ignore', ...descriptors],
    detached: true,
    cwd: '/',
    env: { BPFSHIP_HOLDER: '1' },
  });
  // An error comes with no process number, and says nothing more.
  child.on('error', () => undefined);
  child.unref();
  if (child.pid === undefined) {
    throw new KernelError('ERR_KERNEL_ATTACH', `the process that is to hold the attachment cannot be started`, {
      hint: `${command} must be there and executable.`,
    });
  }
  return { pid: child.pid, started: startOf(child.pid) ?? '' };
}

/** The 22nd field of /proc/PID/stat; the second is in parentheses and may hold anything. `undefined` where the process has ended. */
function startOf(pid: number): string | undefined {
  const text = read(`/proc/${pid}/stat`);
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields === undefined || fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
}

function hasMark(pid: number): boolean {
  return read(`/proc/${pid}/environ`)?.split('\0').includes(MARK) ?? false;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}
