import { readdirSync, readlinkSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { ShimError } from '../shim-error.ts';

/** In the folder for pins, a symbolic link that leads nowhere: `<device>:<inode>:<path>` of the state folder. No service is called so. */
const MARK = '+node';

/**
 * Notes whose pins are in a folder. Two nodes with one folder for pins would take the pins of each other's services for what interrupted commands
 * have left.
 *
 * @throws {ShimError} `ERR_SHIM_BPFFS` where they are those of another state folder, in which services are installed.
 */
export function takePins(bpffsDir: string, stateDir: string): void {
  requireOwnPins(bpffsDir, stateDir);
  const mark = join(bpffsDir, MARK);
  const own = nameOf(stateDir);
  if (readMark(bpffsDir) === own) return;
  try {
    rmSync(mark, { force: true });
    symlinkSync(own, mark);
  } catch {
    // Where the file system does not take it, it goes without.
  }
}

/** @throws {ShimError} as {@link takePins}. */
export function requireOwnPins(bpffsDir: string, stateDir: string): void {
  const owner = readMark(bpffsDir);
  if (owner === undefined) return;
  const [, device, inode, path = ''] = /^(\d+):(\d+):(.*)$/s.exec(owner) ?? [];
  // In a container the same folder may have another path.
  if (path === stateDir || nameOf(stateDir).startsWith(`${device}:${inode}:`)) return;
  if (!namesIn(join(path, 'services')).some((name) => name.endsWith('.json'))) return;
  throw new ShimError('ERR_SHIM_BPFFS', `the pins in ${bpffsDir} are those of the services in ${path}`, {
    hint: `Work with them by --state-dir ${path}, or name another folder for the pins of ${stateDir} with BPFSHIP_BPFFS.`,
  });
}

/** Takes the note away, where no pins are left. @param ignored - names that are no pins of ours. */
export function leavePins(bpffsDir: string, ignored: ReadonlySet<string>): void {
  const names = namesIn(bpffsDir).filter((name) => !ignored.has(name));
  if (names.join() === MARK) rmSync(join(bpffsDir, MARK), { force: true });
}

function readMark(bpffsDir: string): string | undefined {
  try {
    return readlinkSync(join(bpffsDir, MARK));
  } catch {
    return undefined;
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function nameOf(stateDir: string): string {
  const { dev, ino } = statSync(stateDir, { bigint: true });
  return `${dev}:${ino}:${stateDir}`;
}
