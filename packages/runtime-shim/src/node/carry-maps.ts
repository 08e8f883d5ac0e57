import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import type { VariantMap } from '@bpfship/media-types';
import type { Kernel, LoadedObject } from '../kernel/kernel.ts';
import { ShimError } from '../shim-error.ts';
import type { CarriedMap, NewGeneration, RunningGeneration } from './activation.ts';
import type { ServicePins } from './pins.ts';
import type { UndoList } from './undo-list.ts';

/**
 * Maps of the running generation that the new one takes over, by name and schema (spec/generations.md). An event buffer of another kind
 * is simply a new one: what is in it is only passing through. Global variables (`.data`, `.bss`) belong to a generation.
 *
 * @returns map name → pin.
 * @throws {ShimError} `ERR_SHIM_MAP_INCOMPATIBLE`.
 */
export async function reusableMaps(
  kernel: Kernel,
  pins: ServicePins,
  { index, variant }: NewGeneration,
  running: RunningGeneration,
): Promise<Record<string, string>> {
  // A map and not a record: a map of a service may well be called `constructor`.
  const reuse = new Map<string, string>();
  const streams = new Set((index.events ?? []).map(({ map }) => map));
  for (const map of variant.maps.filter(({ name }) => !name.startsWith('.'))) {
    const { name } = map;
    if (!(await kernel.inspectPin(pins.map(name)))) continue;
    const before =
      running.variant.maps.find((candidate) => candidate.name === name) ?? (await running.earlierMap(name));
    const difference = before && differenceOf(before, map);
    if (difference === undefined) reuse.set(name, pins.map(name));
    else if (!streams.has(name)) throw incompatible(name, difference);
  }
  return Object.fromEntries(reuse);
}

function incompatible(name: string, difference: string): ShimError {
  return new ShimError(
    'ERR_SHIM_MAP_INCOMPATIBLE',
    `map "${name}" has another ${difference}; its contents cannot be carried over`,
    {
      hint: 'Uninstall the service and install the new version, or ask the author for a version that keeps the map.',
    },
  );
}

function differenceOf(before: VariantMap, after: VariantMap): string | undefined {
  const pairs: [string, string | number, string | number][] = [
    ['type', before.type, after.type],
    ['key size', before.keySize, after.keySize],
    ['value size', before.valueSize, after.valueSize],
    ['number of entries', before.maxEntries, after.maxEntries],
    ['set of flags', before.flags, after.flags],
  ];
  for (const [what, old, now] of pairs) if (old !== now) return `${what} (${old}, now ${now})`;
  // Equal sizes may hide another meaning: the schema tells.
  if (before.schema !== undefined && after.schema !== undefined && before.schema !== after.schema) {
    return 'layout of its keys or values';
  }
  return undefined;
}

/** What is pinned. */
export interface PinMapsOptions {
  kernel: Kernel;
  pins: ServicePins;
  loaded: LoadedObject;
  /** Maps that are pinned already. */
  reuseMaps: Readonly<Record<string, string>>;
  /** The generation whose maps give their names to new ones; none at an install. */
  runningId: number | undefined;
}

/** Pins the new maps. A map of the running generation that has the name is put aside, not lost, until the new generation is recorded. */
export async function pinMaps(
  { kernel, pins, loaded, reuseMaps, runningId }: PinMapsOptions,
  undoing: UndoList,
): Promise<CarriedMap[]> {
  const named = loaded.maps.map(({ name }) => name).filter((name) => !name.startsWith('.'));
  const fresh = named.filter((name) => !Object.hasOwn(reuseMaps, name));
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
  return named.map((name) => ({ name, contents: Object.hasOwn(reuseMaps, name) ? 'kept' : 'new' }));
}
