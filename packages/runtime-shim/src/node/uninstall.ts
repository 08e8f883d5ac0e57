import { rmSync } from 'node:fs';
import type { BringUpContext } from './bring-up.ts';
import { releaseBpffs } from './bpffs.ts';
import { collectGarbage } from './collect-garbage.ts';
import type { NodeFolders } from './node-options.ts';
import { pinnedGenerations } from './pins.ts';
import { removeGeneration } from './recover.ts';
import { removeStubs } from './stubs/stub-pins.ts';

/** Detaches a service, removes its pins, and forgets it. Interrupted, it can be done again: the state goes last. */
export async function uninstallService(
  { kernel, store, states, pins }: BringUpContext,
  { bpffsDir, stateDir }: NodeFolders,
  service: string,
): Promise<void> {
  await removeStubs(kernel, pins);
  for (const id of pinnedGenerations(pins)) await removeGeneration(kernel, pins, id, new Set());
  rmSync(pins.root, { recursive: true, force: true });
  releaseBpffs(bpffsDir, stateDir);
  await states.remove(service);
  try {
    await collectGarbage(store, await states.all());
  } catch {
    // Where another service's state or package is damaged, nothing is thrown away; its own commands say what is wrong.
  }
}
