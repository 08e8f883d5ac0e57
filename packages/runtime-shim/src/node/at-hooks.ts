import { existsSync } from 'node:fs';
import type { Kernel } from '../kernel/kernel.ts';
import type { RecordedProgram } from './activation.ts';
import type { ServicePins } from './pins.ts';
import { runsAmongOthers } from './shared-xdp/recover-components.ts';
import { linkPinOf } from './stubs/stub-pins.ts';

/** A program of a generation, with the pins of its service. */
export interface PlacedProgram {
  pins: ServicePins;
  generation: number;
  program: RecordedProgram;
}

/**
 * Whether each of some programs is at its hook: one question to the kernel for all of them, and one more for each XDP program that shares its
 * interface, whose pin is that of the program itself. The pin of a link outlives what it was attached to.
 *
 * @throws {KernelError} where this process may not ask.
 */
export async function areAtHooks(
  kernel: Pick<Kernel, 'inspectPins' | 'xdpOccupant'>,
  placed: readonly PlacedProgram[],
): Promise<boolean[]> {
  if (placed.length === 0) return [];
  const found = await kernel.inspectPins(
    placed.map(({ pins, generation, program }) => linkPinOf(pins, generation, program)),
  );
  const states: boolean[] = [];
  for (const [i, { pins, program }] of placed.entries()) {
    const held = found[i];
    if (program.stub && !canBeSwitched(pins, program.stub.key)) states.push(false);
    else if (held?.kind === 'program') states.push(await runsAmongOthers(kernel, pins, program, held.id));
    else states.push(held?.kind === 'link' && !held.dead);
  }
  return states;
}

/** A stub whose slots or selector are gone goes on as it is, and can be switched by nobody. */
function canBeSwitched(pins: ServicePins, stub: string): boolean {
  return existsSync(pins.selector) && existsSync(pins.stubSlots(stub));
}
