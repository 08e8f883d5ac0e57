import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { leavePins } from './pins-owner.ts';
import { ShimError } from '../shim-error.ts';

/** BPF_FS_MAGIC (include/uapi/linux/magic.h). */
const BPF_FS_MAGIC = 0xcafe4a11;
/** In the state folder: the mount points that we mounted and will unmount, one in a line. */
const MARKER = 'bpffs-mounts';

/** What the kernel itself puts into every new BPF file system (kernel/bpf/preload). */
const PRELOADED: ReadonlySet<string> = new Set(['maps.debug', 'progs.debug']);

/**
 * Makes sure that pins can be made in a folder. Where it is on no BPF file system yet, one is mounted: at its parent if that is an empty
 * folder (as /sys/fs/bpf is), else at the folder itself. Nothing that holds files is ever covered. What was mounted is remembered in the
 * state folder for {@link releaseBpffs}.
 *
 * @returns the mount point, where one was mounted now.
 * @throws {ShimError} `ERR_SHIM_BPFFS`.
 */
export function ensureBpffs(bpffsDir: string, stateDir: string): string | undefined {
  const mounted = isBpffs(nearestFolder(bpffsDir)) ? undefined : mountBpffs(bpffsDir, stateDir);
  try {
    mkdirSync(bpffsDir, { recursive: true, mode: 0o700 });
  } catch (cause) {
    if (isDenied(cause)) throw denied(`make the folder for pins ${bpffsDir}`, cause);
    throw new ShimError('ERR_SHIM_BPFFS', `the folder for pins ${bpffsDir} cannot be made`, {
      hint: `Look at what is there: ls -ld ${dirname(bpffsDir)}`,
      cause,
    });
  }
  return mounted;
}

/** Takes away what {@link ensureBpffs} made, once no pin is left. */
export function releaseBpffs(bpffsDir: string, stateDir: string): void {
  leavePins(bpffsDir, PRELOADED);
  const mounts = readMarker(stateDir);
  if (!mounts.includes(bpffsDir) && isBpffs(bpffsDir) && isFree(bpffsDir)) removeFolder(bpffsDir);
  const left = mounts.filter((mountPoint) => !unmount(mountPoint));
  if (left.length < mounts.length) writeMarker(stateDir, left);
}

/** A folder that somebody with more rights made for this user stays. */
function removeFolder(path: string): void {
  try {
    rmdirSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EACCES' && code !== 'EPERM') throw error;
  }
}

function mountBpffs(bpffsDir: string, stateDir: string): string {
  const mountPoint = [dirname(bpffsDir), bpffsDir].find(isFree);
  if (mountPoint === undefined) {
    throw new ShimError('ERR_SHIM_BPFFS', `${bpffsDir} is on no BPF file system, and holds other files`, {
      hint: 'Name another folder with BPFSHIP_BPFFS, e.g. /sys/fs/bpf/bpfship.',
    });
  }
  try {
    mkdirSync(mountPoint, { recursive: true, mode: 0o700 });
    // Written first: a mount that nobody remembers would stay for ever.
    writeMarker(stateDir, [...new Set([...readMarker(stateDir), mountPoint])]);
    execFileSync('mount', ['-t', 'bpf', 'bpf', mountPoint], { stdio: 'pipe' });
    return mountPoint;
  } catch (cause) {
    if (isDenied(cause)) throw denied(`mount a BPF file system at ${mountPoint}`, cause);
    throw new ShimError('ERR_SHIM_BPFFS', `${mountPoint} is no BPF file system, and one cannot be mounted there`, {
      hint: `As root: mount -t bpf bpf ${mountPoint}`,
      cause,
    });
  }
}

/** @returns whether it is no mount of ours any more. */
function unmount(mountPoint: string): boolean {
  if (!isBpffs(mountPoint)) return true;
  if (readdirSync(mountPoint).some((name) => !PRELOADED.has(name))) return false;
  try {
    execFileSync('umount', [mountPoint], { stdio: 'pipe' });
    return true;
  } catch {
    // Somebody works in there; the next uninstall tries again.
    return false;
  }
}

function readMarker(stateDir: string): string[] {
  const path = join(stateDir, MARKER);
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : [];
}

function writeMarker(stateDir: string, mountPoints: readonly string[]): void {
  const path = join(stateDir, MARKER);
  if (mountPoints.length === 0) rmSync(path, { force: true });
  else writeFileSync(path, mountPoints.map((mountPoint) => `${mountPoint}\n`).join(''), { mode: 0o600 });
}

/** Whether a right was missing: to the folder, or, where `mount` failed (it ends with a status then), to mount at all. */
function isDenied(error: unknown): boolean {
  const { code, status } = error as NodeJS.ErrnoException & { status?: number };
  return code === 'EACCES' || code === 'EPERM' || (status !== undefined && process.geteuid?.() !== 0);
}

function denied(what: string, cause: unknown): ShimError {
  return new ShimError('ERR_SHIM_PRIVILEGE', `this user may not ${what}`, {
    hint: 'Run it as root, or name a folder of your own on a BPF file system with BPFSHIP_BPFFS.',
    cause,
  });
}

/** Whether the folder is empty or not there yet. */
function isFree(path: string): boolean {
  try {
    return readdirSync(path).length === 0;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

/** The mount point of the BPF file system that a folder is on; the folder itself where it is on none. */
export function bpffsRoot(folder: string): string {
  const parent = dirname(folder);
  return parent !== folder && isBpffs(nearestFolder(folder)) && isBpffs(parent) ? bpffsRoot(parent) : folder;
}

function nearestFolder(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : nearestFolder(dirname(path));
}

function isBpffs(path: string): boolean {
  try {
    return statfsSync(path).type === BPF_FS_MAGIC;
  } catch {
    return false;
  }
}
