import { existsSync, rmSync } from 'node:fs';
import type { Kernel } from '../../kernel/kernel.ts';
import type { RecordedProgram, RecordedStub } from '../activation.ts';
import { namesIn, type ServicePins } from '../pins.ts';

/** The other one of the two slots. */
export function otherSlot(slot: number): 0 | 1 {
  return slot === 0 ? 1 : 0;
}

/** The pin of the link that holds a program of a generation at its hook: its own, or that of its stub. */
export function linkPinOf(pins: ServicePins, generation: number, { key, stub }: RecordedProgram): string {
  return stub === undefined ? pins.link(generation, key) : pins.stubLink(stub.key);
}

/** The stubs behind which programs are. */
export function stubsOf(programs: readonly RecordedProgram[]): RecordedStub[] {
  return programs.flatMap(({ stub }) => (stub === undefined ? [] : [stub]));
}

/** Whether a stub is whole: it is at its hook, and can be switched. */
export async function isWhole(kernel: Kernel, pins: ServicePins, { key }: RecordedStub): Promise<boolean> {
  if (![pins.selector, pins.stubSlots(key), pins.stubProgram(key)].every((pin) => existsSync(pin))) return false;
  const link = await kernel.inspectPin(pins.stubLink(key));
  return link?.kind === 'link' && !link.dead;
}

/**
 * Detaches all stubs but some, and removes their pins; with the last one the selector too.
 *
 * @param keptLinks - ids of links that programs have taken over: they are only unpinned here.
 * @returns names of the pins of those that were removed.
 */
export async function removeStubs(
  kernel: Kernel,
  pins: ServicePins,
  kept: ReadonlySet<string> = new Set(),
  keptLinks: ReadonlySet<number> = new Set(),
): Promise<string[]> {
  const folders = [pins.stubLinks, pins.stubPrograms, pins.stubSlotsFolder];
  const names = new Set(folders.flatMap(namesIn));
  const keptNames = new Set([...kept].map((key) => pins.stubName(key)));
  const removed: string[] = [];
  for (const name of names) {
    if (keptNames.has(name)) continue;
    await removeStub(kernel, pins, name, keptLinks);
    removed.push(name);
  }
  if (kept.size === 0) rmSync(pins.stubs, { recursive: true, force: true });
  return removed;
}

/** Detaches one stub and removes its pins. The link goes first: what is left of an interrupted removal is found by the slots. */
export async function removeStub(
  kernel: Kernel,
  pins: ServicePins,
  key: string,
  keptLinks: ReadonlySet<number> = new Set(),
): Promise<void> {
  const pin = pins.stubLink(key);
  if (existsSync(pin)) {
    const link = await kernel.inspectPin(pin);
    if (link && keptLinks.has(link.id)) rmSync(pin, { force: true });
    else await kernel.removeLink(pin);
  }
  rmSync(pins.stubProgram(key), { force: true });
  rmSync(pins.stubSlots(key), { force: true });
}
