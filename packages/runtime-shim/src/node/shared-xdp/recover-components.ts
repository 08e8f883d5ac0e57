import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Kernel } from '../../kernel/kernel.ts';
import { KernelError } from '../../kernel/kernel-error.ts';
import type { RecordedProgram } from '../activation.ts';
import { namesIn, pinnedGenerations, type ServicePins } from '../pins.ts';
import type { Generation } from '../state-schema.ts';
import { newComponent } from './attach-component.ts';

/**
 * Makes the components of the generation that runs whole: what an interrupted change left half way is ended, and a component that is not in
 * its interface's dispatcher any more, because a switch was interrupted or somebody took it out, comes back in one step with the leaving of
 * the one that has its place.
 *
 * @returns what was done, a line each.
 */
export async function recoverComponents(kernel: Kernel, pins: ServicePins, current: Generation): Promise<string[]> {
  const done: string[] = [];
  for (const { name, key, target, xdp } of current.programs) {
    const interfaceName = target?.interfaceName;
    if (interfaceName === undefined) continue;
    await endTakeOver(kernel, pins, current.id, { key, interfaceName });
    const pin = pins.link(current.id, key);
    const component = await kernel.inspectPin(pin);
    if (component?.kind !== 'program') continue;
    if (await runs(kernel, pins, interfaceName, component.id)) continue;
    const remove = await componentIds(kernel, pins, (id) => id !== current.id);
    try {
      await kernel.changeXdpDispatcher({
        interfaceName,
        folders: pins.xdp,
        add: [newComponent(name, pin, xdp)],
        remove,
        ...(target?.xdpMode === undefined ? {} : { mode: target.xdpMode }),
      });
      done.push(`XDP program ${key} of generation ${current.id} was put back on ${interfaceName}`);
    } catch (error) {
      // The interface may be gone, or somebody else's: what the command is about must be possible all the same.
      if (!(error instanceof KernelError)) throw error;
      done.push(`XDP program ${key} of generation ${current.id} is not on ${interfaceName} any more: ${error.message}`);
    }
  }
  rmSync(pins.components(current.id), { recursive: true, force: true });
  return done;
}

/** Another service came to the interface of a program that was alone: the program's second form, once it runs, takes its place in the pins. */
async function endTakeOver(
  kernel: Kernel,
  pins: ServicePins,
  id: number,
  { key, interfaceName }: { key: string; interfaceName: string },
): Promise<void> {
  const twin = await kernel.inspectPin(pins.component(id, key));
  if (twin?.kind === 'program' && (await runs(kernel, pins, interfaceName, twin.id)))
    renameSync(pins.component(id, key), pins.link(id, key));
}

/** Whether a program is among those that share its interface. */
export async function runsAmongOthers(
  kernel: Pick<Kernel, 'xdpOccupant'>,
  pins: ServicePins,
  { target }: RecordedProgram,
  programId: number,
): Promise<boolean> {
  const interfaceName = target?.interfaceName;
  return interfaceName !== undefined && runs(kernel, pins, interfaceName, programId);
}

async function runs(
  kernel: Pick<Kernel, 'xdpOccupant'>,
  pins: ServicePins,
  interfaceName: string,
  programId: number,
): Promise<boolean> {
  const occupant = await kernel.xdpOccupant(interfaceName, pins.xdp.shared);
  return occupant.kind === 'dispatcher' && occupant.components?.some((other) => other.programId === programId) === true;
}

/** Ids of the components that some generations of a service have pinned. */
async function componentIds(kernel: Kernel, pins: ServicePins, wanted: (id: number) => boolean): Promise<number[]> {
  const found: number[] = [];
  for (const id of pinnedGenerations(pins).filter(wanted)) {
    for (const folder of [pins.links(id), pins.components(id)]) {
      for (const name of namesIn(folder)) {
        const info = await kernel.inspectPin(join(folder, name));
        if (info?.kind === 'program') found.push(info.id);
      }
    }
  }
  return found;
}
