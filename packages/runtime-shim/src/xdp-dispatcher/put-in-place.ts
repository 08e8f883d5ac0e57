import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { KernelError } from '../kernel/kernel-error.ts';
import { removeAttachment } from '../kernel/attach/detach.ts';
import { type Bpf, COMMAND } from '../kernel/native/bpf.ts';
import { callError, errnoName } from '../kernel/native/errno.ts';
import { settle } from '../kernel/stub/stub-maps.ts';
import type { DispatcherChange } from './change-dispatcher.ts';
import { notOurs } from './dispatcher-errors.ts';
import { changeInterfaceProgram } from './interface-xdp.ts';
import { interfaceLink } from './leftovers.ts';
import { openById, type XdpOccupant } from './read-dispatcher.ts';

/** BPF_F_REPLACE: only if the link runs the program that it is expected to. */
const REPLACE_EXPECTED = 4;

/** Another tool has changed the interface meanwhile. */
export class Outrun extends Error {
  override readonly cause: KernelError;
  constructor(cause: KernelError) {
    super(cause.message);
    this.cause = cause;
  }
}

/** Opens a program that was there just now. */
export function openProgram(bpf: Bpf, id: number): number {
  const fd = openById(bpf, COMMAND.programFdById, id);
  if (fd !== undefined) return fd;
  throw new Outrun(new KernelError('ERR_KERNEL_ATTACH', `the XDP program ${id} is gone`, { errno: 'ENOENT' }));
}

/**
 * The one step in which an interface gets its new dispatcher: by netlink where it has none or got it so, which leaves libxdp able to change
 * it; by its link where it is ours.
 */
export function putInPlace(
  bpf: Bpf,
  { interfaceName, mode, folders, takeOver }: DispatcherChange,
  interfaceIndex: number,
  { occupant, programFd }: { occupant: XdpOccupant; programFd: number },
): void {
  const what = `putting an XDP dispatcher on ${interfaceName}`;
  if (occupant.kind === 'none') {
    check(changeInterfaceProgram(bpf.native, { interfaceIndex, programFd, expectedFd: undefined, mode }), what);
    return;
  }
  // Before Linux 6.2 the kernel rewrites how it calls XDP programs while a CPU may still be in the form of two changes ago (kernel/bpf/dispatcher.c,
  // bpf_dispatcher_update): none is, once all that run now have come to their ends.
  settle(bpf);
  const linkPin = interfaceLink(folders, interfaceIndex);
  const expectedFd = openProgram(bpf, occupant.programId);
  try {
    if (occupant.linkId === undefined) {
      if (occupant.kind === 'program') throw notOurs(interfaceName, occupant);
      check(changeInterfaceProgram(bpf.native, { interfaceIndex, programFd, expectedFd, mode: occupant.mode }), what);
      return;
    }
    if (takeOver !== undefined && occupant.kind === 'program' && linkIdAt(bpf, takeOver) === occupant.linkId) {
      rmSync(linkPin, { force: true });
      mkdirSync(folders.own, { recursive: true, mode: 0o700 });
      // Pinned for all before it runs for all: whoever dies in between leaves a second pin and nothing else.
      bpf.withPinned(takeOver, (fd) => bpf.pin(fd, linkPin));
    }
    if (linkIdAt(bpf, linkPin) !== occupant.linkId) throw notOurs(interfaceName, occupant);
    const updated = bpf.withPinned(linkPin, (link) =>
      bpf.call(COMMAND.linkUpdate, (attr) => {
        attr.writeUInt32LE(link, 0);
        attr.writeUInt32LE(programFd, 4);
        attr.writeUInt32LE(REPLACE_EXPECTED, 8);
        attr.writeUInt32LE(expectedFd, 12);
      }),
    );
    // EPERM is what the kernel says of a link that runs another program than expected (net/core/dev.c, bpf_xdp_link_update).
    check(updated, what, ['EPERM']);
  } finally {
    bpf.native.close(expectedFd);
  }
}

/** Takes the dispatcher away with its last component. */
export function takeAway(
  bpf: Bpf,
  { interfaceName, folders }: DispatcherChange,
  interfaceIndex: number,
  occupant: XdpOccupant,
): void {
  if (occupant.kind !== 'dispatcher') return;
  if (occupant.linkId !== undefined) {
    const linkPin = interfaceLink(folders, interfaceIndex);
    if (linkIdAt(bpf, linkPin) !== occupant.linkId) throw notOurs(interfaceName, occupant);
    removeAttachment(bpf, linkPin);
    return;
  }
  const expectedFd = openProgram(bpf, occupant.programId);
  try {
    const change = { interfaceIndex, programFd: -1, expectedFd, mode: occupant.mode };
    check(changeInterfaceProgram(bpf.native, change), `taking the XDP dispatcher off ${interfaceName}`);
  } finally {
    bpf.native.close(expectedFd);
  }
}

function linkIdAt(bpf: Bpf, pin: string): number | undefined {
  return existsSync(pin) ? bpf.withPinned(pin, (fd) => bpf.info(fd).readUInt32LE(4)) : undefined;
}

function check(result: number, what: string, outrun: readonly string[] = []): void {
  if (result >= 0) return;
  const error = callError('ERR_KERNEL_ATTACH', what, result, {
    hint: 'The interface’s driver may not support it: --xdp-mode generic avoids the driver.',
  });
  if (['EBUSY', 'EEXIST', ...outrun].includes(errnoName(result))) throw new Outrun(error);
  throw error;
}
