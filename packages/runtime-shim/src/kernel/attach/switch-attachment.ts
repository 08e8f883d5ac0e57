import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { KernelError } from '../kernel-error.ts';
import { type Bpf, COMMAND } from '../native/bpf.ts';
import { callError, errnoName } from '../native/errno.ts';
import { NEXT_PROGRAM, pinsIn, PROGRAM, readRecord, removeFolder, writeRecord } from './attachment-record.ts';
import { linkInfo } from './inspect-attachment.ts';
import { withRecordedTarget } from './recorded-target.ts';
import { setFilter } from './traffic-control.ts';
import { replaceXdp } from './xdp-by-netlink.ts';

/** Link types whose program the kernel can replace (link_ops.update_prog): a refusal then has a reason of its own. */
const REPLACEABLE: ReadonlySet<string> = new Set(['xdp', 'cgroup', 'netns', 'iter', 'tcx', 'netkit', 'sockmap']);

/** Puts a program in the place of the one that an attachment runs, in one step. */
export function switchAttachment(bpf: Bpf, pin: string, program: number): void {
  const record = readRecord(pin);
  if (record === undefined) {
    updateLink(bpf, pin, program);
    return;
  }
  if (record.way !== 'tc-filter' && record.way !== 'netlink') throw unsupported(pin, record.type);
  // Whoever looks after a crash finds both programs, and one of them attached.
  const next = join(pin, NEXT_PROGRAM);
  rmSync(next, { force: true });
  bpf.pin(program, next);
  const result = withRecordedTarget(bpf, record, () =>
    record.way === 'tc-filter'
      ? setFilter(bpf.native, record, program, true)
      : bpf.withPinned(join(pin, PROGRAM), (old) => replaceXdp(bpf.native, record, old, program)),
  );
  if (result === 0) {
    renameSync(next, join(pin, PROGRAM));
    return;
  }
  rmSync(next, { force: true });
  if (result === undefined || errnoName(result) === 'ENODEV') throw gone(pin);
  throw callError('ERR_KERNEL_ATTACH', `switching ${pin} to the new program`, result);
}

function updateLink(bpf: Bpf, pin: string, program: number): void {
  bpf.withPinned(pin, (fd) => {
    const result = bpf.call(COMMAND.linkUpdate, (attr) => {
      attr.writeUInt32LE(fd, 0);
      attr.writeUInt32LE(program, 4);
    });
    if (result === 0) return;
    const name = errnoName(result);
    if (name === 'ENOLINK') throw gone(pin);
    if (['EINVAL', 'EOPNOTSUPP', 'ENOTSUPP'].includes(name) && !REPLACEABLE.has(linkInfo(bpf, fd).type)) {
      throw unsupported(pin, name);
    }
    throw callError('ERR_KERNEL_ATTACH', `switching the link ${pin} to the new program`, result, {
      hint: 'The running program stays. The interface’s driver may not support the new one: "--xdp-mode generic" at install avoids the driver.',
    });
  });
}

function gone(pin: string): KernelError {
  return new KernelError('ERR_KERNEL_LINK_DEAD', `what the link ${pin} was attached to is gone`, { errno: 'ENOLINK' });
}

function unsupported(pin: string, why: string): KernelError {
  return new KernelError('ERR_KERNEL_LINK_UPDATE_UNSUPPORTED', `the link ${pin} cannot be switched in place (${why})`, {
    errno: 'EINVAL',
  });
}

/** Pins what a pin stands for a second time, an attachment's folder too. */
export function copyPin(bpf: Bpf, from: string, to: string): void {
  const record = readRecord(from);
  if (record === undefined) {
    bpf.withPinned(from, (fd) => bpf.pin(fd, to));
    return;
  }
  writeRecord(to, record);
  try {
    for (const name of pinsIn(from)) bpf.withPinned(join(from, name), (fd) => bpf.pin(fd, join(to, name)));
  } catch (error) {
    removeFolder(to);
    throw error;
  }
}
