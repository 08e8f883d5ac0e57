import { readdirSync, readlinkSync, unlinkSync } from 'node:fs';
import type { AttachedLink, AttachOptions } from './kernel.ts';
import { KernelError } from './kernel-error.ts';
import { COMMAND, type Bpf } from './native/bpf.ts';
import { callError, errnoName } from './native/errno.ts';
import type { Pointer } from './native/library.ts';
import { LINK_TYPES } from './native/names.ts';

const BPF_XDP = 37;
/** Flags of XDP attachment (include/uapi/linux/if_link.h). */
const XDP_FLAGS = { generic: 1 << 1, native: 1 << 2 } as const;

/** Attaches an XDP program to an interface by a link (Linux 5.9) and pins it. */
export function createXdpLink(bpf: Bpf, programFd: number, program: string, options: AttachOptions): AttachedLink {
  const { interfaceName, xdpMode, linkPin } = options;
  if (interfaceName === undefined) {
    throw new KernelError('ERR_KERNEL_ATTACH', `program "${program}" needs a network interface`, {
      hint: 'Name one with --interface, e.g. --interface eth0.',
    });
  }
  const index = bpf.native.ifNameToIndex(interfaceName);
  if (index === 0) {
    throw new KernelError('ERR_KERNEL_ATTACH', `there is no network interface "${interfaceName}"`, {
      hint: '"ip link" lists the interfaces.',
    });
  }
  const fd = bpf.call(COMMAND.linkCreate, (attr) => {
    attr.writeUInt32LE(programFd, 0);
    attr.writeUInt32LE(index, 4);
    attr.writeUInt32LE(BPF_XDP, 8);
    attr.writeUInt32LE(xdpMode === undefined ? 0 : XDP_FLAGS[xdpMode], 12);
  });
  if (fd < 0) {
    const busy = errnoName(fd) === 'EBUSY' || errnoName(fd) === 'EEXIST';
    throw callError('ERR_KERNEL_ATTACH', `attaching XDP program "${program}" to ${interfaceName}`, fd, {
      hint: busy
        ? `Another XDP program is on ${interfaceName}; "ip link show ${interfaceName}" and "bpftool net" show it.`
        : 'Try --xdp-mode generic: the interface’s driver may not support native XDP or multi-buffer packets.',
    });
  }
  try {
    bpf.pin(fd, linkPin);
    return describeLink(bpf, fd, linkPin);
  } finally {
    bpf.native.close(fd);
  }
}

/**
 * Attaches through libbpf, pins the link, and lets go of everything but the pin.
 *
 * @param attach - makes the link; `undefined` where libbpf refuses.
 */
export function createPinnedLink(
  bpf: Bpf,
  program: string,
  pin: string,
  attach: () => Pointer,
): AttachedLink | undefined {
  const { native } = bpf;
  const before = perfEvents();
  const link = attach();
  if (!link) return undefined;
  const fd = native.linkFd(link);
  try {
    bpf.pin(fd, pin);
  } catch (error) {
    native.linkDestroy(link);
    if (error instanceof KernelError && error.errno === 'EINVAL') {
      throw new KernelError(
        'ERR_KERNEL_LINK_NOT_PINNABLE',
        `the link of program "${program}" cannot be pinned on this kernel`,
        { errno: 'EINVAL' },
      );
    }
    throw error;
  }
  const attached = describeLink(bpf, fd, pin);
  if (attached.type === 'perf_event') {
    // libbpf would switch the perf event off when it frees such a link, although the pin holds it; told not to, it keeps the descriptors.
    native.linkDisconnect(link);
    native.close(fd);
    for (const event of perfEvents()) if (!before.has(event)) native.close(event);
  }
  native.linkDestroy(link);
  return attached;
}

/** Descriptors of perf events in this process. A worker makes one link at a time; a process should have one kernel. */
function perfEvents(): Set<number> {
  const found = new Set<number>();
  for (const name of readdirSync('/proc/self/fd')) {
    try {
      if (readlinkSync(`/proc/self/fd/${name}`) === 'anon_inode:[perf_event]') found.add(Number(name));
    } catch {
      // Closed meanwhile by another thread.
    }
  }
  return found;
}

/** Link types whose program the kernel can replace (link_ops.update_prog): a refusal then has a reason of its own. */
const REPLACEABLE: ReadonlySet<string> = new Set(['xdp', 'cgroup', 'netns', 'iter', 'tcx', 'netkit', 'sockmap']);

/** Puts a program into a pinned link in one step. */
export function updateLink(bpf: Bpf, pin: string, programFd: number): void {
  bpf.withPinned(pin, (fd) => {
    const result = bpf.call(COMMAND.linkUpdate, (attr) => {
      attr.writeUInt32LE(fd, 0);
      attr.writeUInt32LE(programFd, 4);
    });
    if (result === 0) return;
    const name = errnoName(result);
    if (name === 'ENOLINK') {
      throw new KernelError('ERR_KERNEL_LINK_DEAD', `what the link ${pin} was attached to is gone`, { errno: name });
    }
    if (['EINVAL', 'EOPNOTSUPP', 'ENOTSUPP'].includes(name) && !REPLACEABLE.has(describeLink(bpf, fd, pin).type)) {
      throw new KernelError(
        'ERR_KERNEL_LINK_UPDATE_UNSUPPORTED',
        `the link ${pin} cannot be switched in place (${name})`,
        { errno: name },
      );
    }
    throw callError('ERR_KERNEL_ATTACH', `switching the link ${pin} to the new program`, result, {
      hint: 'The running program stays. The interface’s driver may not support the new one: "--xdp-mode generic" at install avoids the driver.',
    });
  });
}

/** Puts a pinned program into a pinned link. */
export function updateLinkToPin(bpf: Bpf, linkPin: string, programPin: string): void {
  bpf.withPinned(programPin, (fd) => updateLink(bpf, linkPin, fd));
}

/** Removes a pinned link. Where the kernel can detach it at once, it does so even if somebody else holds the link. */
export function removeLink(bpf: Bpf, pin: string): void {
  const fd = bpf.open(pin);
  if (fd < 0 && errnoName(fd) !== 'ENOENT') throw callError('ERR_KERNEL_PIN', `opening ${pin}`, fd);
  try {
    unlinkSync(pin);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw new KernelError('ERR_KERNEL_PIN', `${pin} cannot be removed (${(error as NodeJS.ErrnoException).code})`);
    }
  }
  if (fd < 0) return;
  bpf.call(COMMAND.linkDetach, (attr) => attr.writeUInt32LE(fd, 0));
  bpf.native.close(fd);
}

function describeLink(bpf: Bpf, fd: number, pin: string): AttachedLink {
  const info = bpf.info(fd);
  return { pin, id: info.readUInt32LE(4), type: LINK_TYPES[info.readUInt32LE(0)] ?? 'unknown' };
}
