import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Bpf } from '../kernel/native/bpf.ts';
import type { DispatcherFolders } from './change-dispatcher.ts';
import { unpinComponents } from './dispatcher-pins.ts';
import { folderName } from './protocol.ts';
import { readOccupant, type XdpOccupant } from './read-dispatcher.ts';

/** Pin of the link that holds the dispatcher of an interface. */
export function interfaceLink({ own }: DispatcherFolders, interfaceIndex: number): string {
  return join(own, `link-${interfaceIndex}`);
}

/**
 * Marks a dispatcher by an empty folder of its name: those that are ours, for as long as their pins are there, and others while they are
 * removed. A mark without its dispatcher at the interface tells which pins nobody needs any more: of a change that was interrupted, or
 * of an interface that is gone.
 *
 * @returns whether it was not marked before.
 */
export function mark({ own }: DispatcherFolders, name: string): boolean {
  return mkdirSync(join(own, name), { recursive: true, mode: 0o700 }) !== undefined;
}

/** Takes a mark away. */
export function unmark({ own }: DispatcherFolders, name: string): void {
  removeFolder(join(own, name));
}

/** Removes what is left of dispatchers of ours that are no more. @param occupant - what the interface has. */
export function cleanUp(bpf: Bpf, folders: DispatcherFolders, interfaceIndex: number, occupant: XdpOccupant): string[] {
  const programId = occupant.kind === 'dispatcher' ? occupant.programId : 0;
  const done: string[] = [];
  for (const name of namesIn(folders.own).filter((one) => one.startsWith(`dispatch-${interfaceIndex}-`))) {
    if (name === folderName(interfaceIndex, programId)) continue;
    if (unpinComponents(join(folders.shared, name)))
      done.push(`the pins of the former XDP dispatcher ${name} were removed`);
    unmark(folders, name);
  }
  const link = interfaceLink(folders, interfaceIndex);
  if (existsSync(link) && bpf.withPinned(link, (fd) => bpf.info(fd).readUInt32LE(8)) !== programId)
    rmSync(link, { force: true });
  return done;
}

/** As {@link cleanUp}, for every interface. @returns what was done, a line each. */
export function cleanUpAll(bpf: Bpf, folders: DispatcherFolders): string[] {
  const indices = new Set(namesIn(folders.own).flatMap((name) => /^(?:dispatch|link)-(\d+)/.exec(name)?.[1] ?? []));
  const done = [...indices]
    .map(Number)
    .flatMap((interfaceIndex) =>
      cleanUp(bpf, folders, interfaceIndex, readOccupant(bpf, interfaceIndex, folders.shared)),
    );
  leaveFolders(folders);
  return done;
}

/** Removes the folders where nothing is left in them. */
export function leaveFolders({ shared, own }: DispatcherFolders): void {
  removeFolder(own);
  removeFolder(shared);
}

function namesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

function removeFolder(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Not empty, or not there.
  }
}
