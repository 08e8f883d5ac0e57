import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Bpf } from '../kernel/native/bpf.ts';
import { changeDispatcher, type DispatcherFolders } from './change-dispatcher.ts';
import type { DispatcherBtf } from './dispatcher-btf.ts';
import { cleanUpAll } from './leftovers.ts';
import { MAX_COMPONENTS, pinNames } from './protocol.ts';

/**
 * Takes programs out of every dispatcher that they are in.
 *
 * @param programs - kernel's ids.
 */
export function leaveDispatchers(
  bpf: Bpf,
  { folders, btf, programs }: { folders: DispatcherFolders; btf: DispatcherBtf; programs: readonly number[] },
): void {
  const names = existsSync(folders.shared) ? readdirSync(folders.shared) : [];
  for (const name of names) {
    const index = /^dispatch-(\d+)-\d+$/.exec(name)?.[1];
    if (index === undefined) continue;
    const concerned = idsIn(bpf, join(folders.shared, name)).some((id) => programs.includes(id));
    const interfaceName = concerned ? bpf.native.ifIndexToName(Number(index)) : undefined;
    if (interfaceName !== undefined) changeDispatcher(bpf, { interfaceName, folders, btf, add: [], remove: programs });
  }
  // Dispatchers of interfaces that are gone.
  cleanUpAll(bpf, folders);
}

function idsIn(bpf: Bpf, folder: string): number[] {
  const ids: number[] = [];
  for (let slot = 0; slot < MAX_COMPONENTS; slot++) {
    const fd = bpf.open(join(folder, pinNames(slot).program));
    if (fd < 0) break;
    ids.push(bpf.info(fd).readUInt32LE(4));
    bpf.native.close(fd);
  }
  return ids;
}
