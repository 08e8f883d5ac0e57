import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
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
}

/** Pins the new maps. A map of the running generation that has the name is put aside, not lost, until the new generation is recorded. */
export async function pinMaps(
  { kernel, pins, loaded, plan, runningId }: PinMapsOptions,
  undoing: UndoList,
): Promise<CarriedMap[]> {
  const asideOf = (name: string): string => (runningId === undefined ? '' : pins.replacedMap(runningId, name));
  // A struct_ops is pinned among the programs.
  const named = loaded.maps
    .filter(({ name, type }) => !name.startsWith('.') && type !== 'struct_ops')
    .map(({ name }) => name);
  const fresh = named.filter((name) => !Object.hasOwn(plan.reuse, name));
  for (const name of fresh) {
    const pin = pins.map(name);
    if (!existsSync(pin) || runningId === undefined) continue;
    const aside = pins.replacedMap(runningId, name);
    mkdirSync(pins.replacedMaps(runningId), { recursive: true, mode: 0o700 });
    renameSync(pin, aside);
    undoing.push(`giving map ${name} back`, () => renameSync(aside, pin));
  }
  await kernel.pinObject(loaded.id, {
    maps: Object.fromEntries(fresh.map((name) => [name, pins.map(name)])),
    programs: {},
  });
  undoing.push('unpinning new maps', () => {
    for (const name of fresh) rmSync(pins.map(name), { force: true });
  });
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
