import type { Kernel } from '../../kernel/kernel.ts';
import type { RecordedProgram } from '../activation.ts';
import { namesIn, type ServicePins } from '../pins.ts';
import { otherSlot, removeStubs, stubsOf } from './stub-pins.ts';

/** What the state says of the generation that runs. */
interface Recorded {
  id: number;
  programs: readonly RecordedProgram[];
  slot?: number;
}

/**
 * Empties the slots of the generation before, once nothing runs in it any more: a stub that has read the selector before it was written goes
 * on in the slot that it has read.
 */
export async function emptySlots(
  kernel: Kernel,
  pins: ServicePins,
  slot: number,
  programs: readonly RecordedProgram[],
): Promise<void> {
  await kernel.settle();
  for (const { key } of stubsOf(programs)) await kernel.clearSlot(pins.stubSlots(key), otherSlot(slot));
}

/**
 * Brings the stubs of a service into agreement with its state. The programs of the generation that the state calls current are put in their
 * slots before the stubs are switched to them, so that at no moment nothing runs.
 *
 * @param keptLinks - ids of the links of that generation.
 * @returns what was done, a line each.
 */
export async function recoverStubs(
  kernel: Kernel,
  pins: ServicePins,
  current: Recorded,
  keptLinks: ReadonlySet<number>,
): Promise<string[]> {
  const done: string[] = [];
  const { id, programs, slot } = current;
  const selected = await kernel.readSelector(pins.selector);
  const behind = programs.filter(({ stub }) => stub !== undefined);
  if (slot !== undefined && selected !== undefined) {
    const other = otherSlot(slot);
    const leftOvers: string[] = [];
    for (const { name, stub } of behind) {
      if (stub === undefined) continue;
      const slots = await kernel.readSlots(pins.stubSlots(stub.key));
      if (slots.length === 0) continue;
      const program = await kernel.inspectPin(pins.program(id, name));
      if (program?.kind === 'program' && slots[slot] !== program.id) {
        await kernel.fillSlot(pins.stubSlots(stub.key), slot, pins.program(id, name));
        done.push(`program ${name} of generation ${id} was put behind its stub again`);
      }
      if (slots[other] !== undefined) leftOvers.push(stub.key);
    }
    if (selected !== slot) {
      await kernel.writeSelector(pins.selector, slot);
      done.push(`the stubs go on in generation ${id} again`);
    }
    if (leftOvers.length > 0) {
      await kernel.settle();
      for (const key of leftOvers) await kernel.clearSlot(pins.stubSlots(key), other);
      if (done.length === 0) done.push('slots that an interrupted command left filled were emptied');
    }
  }
  if (namesIn(pins.stubs).length === 0) return done;
  const removed = await removeStubs(kernel, pins, new Set(stubsOf(programs).map(({ key }) => key)), keptLinks);
  for (const key of removed) done.push(`the stub ${key}, which an interrupted command left, was removed`);
  return done;
}
