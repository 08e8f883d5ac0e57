import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AttachedLink } from '../kernel.ts';
import { KernelError } from '../kernel-error.ts';
import type { AttachRequest } from './attach-request.ts';
import { type AttachmentRecord, PROGRAM, recordId, removeFolder, writeRecord } from './attachment-record.ts';

/** What tells a holder from every other process: a variable of its environment. */
const MARK = 'BPFSHIP_HOLDER=1';
/** Waits for ever and does nothing else; half a megabyte. */
const SLEEPERS = ['/usr/bin/sleep', '/bin/sleep'];

/** A process that holds descriptors. */
type Holder = Extract<AttachmentRecord, { way: 'holder' }>;

/**
 * Keeps descriptors that nothing in the kernel can keep: a process of its own session holds them open, and outlives every shim. It is
 * `sleep`, started with these descriptors and no other; where there is none, Node. There is nothing to take over: the next shim finds it by
 * the attachment's record, and ends it to let go. In a systemd unit it stays only with `KillMode=process`.
 *
 * @param descriptors - stay the caller's.
 */
export function holdDescriptors(request: AttachRequest, descriptors: readonly number[], type: string): AttachedLink {
  const { bpf, fd: program } = request;
  const { linkPin: pin } = request.options;
  const pid = startHolder(descriptors);
  const record: Holder = { way: 'holder', type, pid, started: startOf(pid) ?? '' };
  try {
    writeRecord(pin, record);
    try {
      bpf.pin(program, join(pin, PROGRAM));
    } catch (error) {
      removeFolder(pin);
      throw error;
    }
  } catch (error) {
    endHolder(record);
    throw error;
  }
  return { pin, id: recordId(record), type, way: 'holder' };
}

/** Whether the process lives and is the one. */
export function holds({ pid, started }: Holder): boolean {
  return started !== '' && startOf(pid) === started && hasMark(pid);
}

/** Ends the process, and with it what it holds. */
export function endHolder(record: Holder): void {
  if (!holds(record)) return;
  try {
    process.kill(record.pid, 'SIGKILL');
  } catch {
    // Ended meanwhile.
  }
}

function startHolder(descriptors: readonly number[]): number {
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
  return child.pid;
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
