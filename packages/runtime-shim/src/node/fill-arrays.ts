import { existsSync } from 'node:fs';
import { readBpfObject } from '@bpfship/bpf-object';
import type { Kernel } from '../kernel/kernel.ts';
import { KernelError } from '../kernel/kernel-error.ts';
import type { NewGeneration, RunningGeneration } from './activation.ts';
import type { ServicePins } from './pins.ts';
import type { UndoList } from './undo-list.ts';

/** Slots of a program array that are looked at. */
const MAX_SLOTS = 65_536;

/** What is to be filled. */
export interface ArraysToFill {
  kernel: Kernel;
  pins: ServicePins;
  next: NewGeneration;
  running: RunningGeneration;
  /** Names of maps that the new generation has taken over. */
  reused: ReadonlySet<string>;
}

/**
 * Fills the program arrays of a new generation, and maps of maps that it has taken over, before anything is switched. The generation that runs
 * keeps its own arrays until then: a program never goes on in one of another generation.
 *
 * - A slot that the new object fills itself holds what it says.
 * - Where the running generation has one of its own programs, the new one gets the new program of that name.
 * - Other slots were filled by somebody else, with programs that are copied as they are.
 * - A map of maps keeps what is in it, and gets the maps that only the new object puts into it.
 *
 * @returns what people should know, a line each.
 */
export async function fillArrays(options: ArraysToFill, undoing: UndoList): Promise<string[]> {
  const warnings: string[] = [];
  const arrays = options.next.variant.maps.filter(({ type }) => type === 'prog_array');
  for (const { name, maxEntries } of arrays) warnings.push(...(await fillArray(options, name, maxEntries)));
  await fillMapsOfMaps(options, undoing);
  return warnings;
}

async function fillArray(
  { kernel, pins, next, running }: ArraysToFill,
  array: string,
  maxEntries: number,
): Promise<string[]> {
  const before = pins.replacedMap(running.id, array);
  if (!existsSync(before)) return [];
  const pin = pins.map(array);
  const filled = new Set((await slotsOf(kernel, pin)).map(({ slot }) => slot));
  const own = await ownPrograms(kernel, pins, running);
  const warnings: string[] = [];
  for (const { slot, id } of await slotsOf(kernel, before)) {
    if (filled.has(slot)) continue;
    const name = own.get(id);
    const successor = name === undefined ? undefined : pins.program(next.id, name);
    try {
      if (slot >= maxEntries) throw new RangeError('the array is smaller now');
      if (successor === undefined) await kernel.fillSlotById(pin, slot, id);
      else if (existsSync(successor)) await kernel.fillSlot(pin, slot, successor);
    } catch (error) {
      if (!(error instanceof KernelError) && !(error instanceof RangeError)) throw error;
      warnings.push(`slot ${slot} of program array ${array} is empty now: ${error.message}`);
    }
  }
  return warnings;
}

async function slotsOf(kernel: Kernel, pin: string): Promise<{ slot: number; id: number }[]> {
  const entries = await kernel.dumpMap(pin, MAX_SLOTS);
  return entries.map(({ key, value }) => ({
    slot: Buffer.from(key).readUInt32LE(0),
    id: Buffer.from(value).readUInt32LE(0),
  }));
}

/** Kernel id → name of the programs of the running generation. */
async function ownPrograms(
  kernel: Kernel,
  pins: ServicePins,
  { id, variant }: RunningGeneration,
): Promise<Map<number, string>> {
  const own = new Map<number, string>();
  for (const { name } of variant.programs) {
    const program = await kernel.inspectPin(pins.program(id, name));
    if (program) own.set(program.id, name);
  }
  return own;
}

/** The loader fills maps of maps only where it makes them (libbpf bpf_object__create_maps). */
async function fillMapsOfMaps({ kernel, pins, next, reused }: ArraysToFill, undoing: UndoList): Promise<void> {
  const kept = next.variant.maps.filter(({ name, type }) => type.endsWith('_of_maps') && reused.has(name));
  if (kept.length === 0) return;
  const { maps } = readBpfObject(next.object);
  for (const { name } of kept) {
    const { contents = [] } = maps.find((map) => map.name === name) ?? {};
    const there = new Set(contents.length === 0 ? [] : (await slotsOf(kernel, pins.map(name))).map(({ slot }) => slot));
    for (const { slot, name: map } of contents) {
      if (there.has(slot)) continue;
      await kernel.fillSlot(pins.map(name), slot, pins.map(map));
      undoing.push(`emptying slot ${slot} of ${name}`, () => kernel.clearSlot(pins.map(name), slot));
    }
  }
}
