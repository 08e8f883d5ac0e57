import { existsSync, mkdirSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Kernel, LoadedObject } from '../kernel/kernel.ts';
import type { CarriedMap } from './activation.ts';
import type { MapPlan } from './plan-maps.ts';
import type { ServicePins } from './pins.ts';
import type { UndoList } from './undo-list.ts';

/** What is pinned. */
export interface PinMapsOptions {
  kernel: Kernel;
  pins: ServicePins;
  loaded: LoadedObject;
  plan: MapPlan;
  /** The generation whose maps give their names to new ones; none at an install. */
  runningId: number | undefined;
  nextId: number;
}

/**
 * Pins the new maps. A map of the running generation that has the name is put aside, not lost, until the new generation is recorded; at no moment
 * is there nothing under the name, since others may open it.
 */
export async function pinMaps(
  { kernel, pins, loaded, plan, runningId, nextId }: PinMapsOptions,
  undoing: UndoList,
): Promise<CarriedMap[]> {
  const asideOf = (name: string): string => (runningId === undefined ? '' : pins.replacedMap(runningId, name));
  // A struct_ops is pinned among the programs.
  const named = loaded.maps
    .filter(({ name, type }) => !name.startsWith('.') && type !== 'struct_ops')
    .map(({ name }) => name);
  const fresh = named.filter((name) => !Object.hasOwn(plan.reuse, name));
  const inTheWay = runningId === undefined ? [] : fresh.filter((name) => existsSync(pins.map(name)));
  for (const name of inTheWay) {
    mkdirSync(dirname(asideOf(name)), { recursive: true, mode: 0o700 });
    await kernel.copyPin(pins.map(name), asideOf(name));
    undoing.push(`giving map ${name} back`, () => renameSync(asideOf(name), pins.map(name)));
  }
  // One step takes the name over: the new pin is made beside it, in a folder that goes with the generation where it never comes to be.
  const made = pins.newMaps(nextId);
  if (inTheWay.length > 0) mkdirSync(made, { recursive: true, mode: 0o700 });
  const pinOf = (name: string): string => (inTheWay.includes(name) ? pins.newMap(nextId, name) : pins.map(name));
  await kernel.pinObject(loaded.id, {
    maps: Object.fromEntries(fresh.map((name) => [name, pinOf(name)])),
    programs: {},
  });
  undoing.push('unpinning new maps', () => {
    for (const name of fresh) if (!inTheWay.includes(name)) rmSync(pins.map(name), { force: true });
  });
  for (const name of inTheWay) renameSync(pinOf(name), pins.map(name));
  if (inTheWay.length > 0) rmdirSync(made);
  const copied = new Set(plan.copies.map(({ name }) => name));
  const arrays = new Set(loaded.maps.flatMap(({ name, type }) => (type === 'prog_array' ? [name] : [])));
  return named.map((name) => ({
    name,
    contents: Object.hasOwn(plan.reuse, name)
      ? 'kept'
      : copied.has(name) || (arrays.has(name) && existsSync(asideOf(name)))
        ? 'copied'
        : 'new',
  }));
}
