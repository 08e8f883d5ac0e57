import { Arena } from './arena.ts';
import type { Native } from './library.ts';

/** Numbers of system calls, the same on every architecture (include/uapi/asm-generic/unistd.h). */
const FSOPEN = 430;
const FSCONFIG = 431;
const FSMOUNT = 432;
/** FSOPEN_CLOEXEC and FSMOUNT_CLOEXEC (include/uapi/linux/mount.h). */
const CLOSE_ON_EXEC = 1;
const FSCONFIG_CMD_CREATE = 6;
/** MOUNT_ATTR_NOSUID, _NODEV and _NOEXEC. */
const MOUNT_ATTRIBUTES = 2 | 4 | 8;

/**
 * Mounts tracefs nowhere: the mount is known to its descriptor alone, no other process sees it, and it goes when the descriptor is closed
 * (fsmount(2), Linux 5.2). Needs CAP_SYS_ADMIN.
 *
 * @returns the descriptor, below which /proc/self/fd/N reads the files; `undefined` where the kernel refuses.
 */
export function mountTracefs(native: Native): number | undefined {
  using arena = new Arena();
  const context = native.mountCall(FSOPEN, arena.string('tracefs'), CLOSE_ON_EXEC, 0, 0, 0);
  if (context < 0) return undefined;
  try {
    if (native.mountCall(FSCONFIG, context, FSCONFIG_CMD_CREATE, 0, 0, 0) < 0) return undefined;
    const fd = native.mountCall(FSMOUNT, context, CLOSE_ON_EXEC, MOUNT_ATTRIBUTES, 0, 0);
    return fd < 0 ? undefined : fd;
  } finally {
    native.close(context);
  }
}
