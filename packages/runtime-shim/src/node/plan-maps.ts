import { existsSync } from 'node:fs';
import {
  type BpfObject,
  type Conversion,
  type ConversionStep,
  planConversion,
  readBpfObject,
} from '@bpfship/bpf-object';
import type { MigrationRule, VariantMap } from '@bpfship/media-types';
import type { Kernel } from '../kernel/kernel.ts';
import { ShimError } from '../shim-error.ts';
import type { MapBefore, NewGeneration, RunningGeneration } from './activation.ts';
import { canCopy, differenceOf, differInSizeOnly, hasEntries } from './map-difference.ts';
import type { ServicePins } from './pins.ts';

/** Lines of a difference that are shown. */
const SHOWN_LINES = 12;

/** What becomes of the maps of the running generation. A map that is in none of the lists starts empty. */
export interface MapPlan {
  /** Taken over as they are: map name → pin. */
  reuse: Record<string, string>;
  /** Numbers of entries of maps that are larger than the new version asks for. */
  sizes: Record<string, number>;
  /** Copied entry by entry, before the switch. */
  copies: MapCopy[];
  /** Those whose pins somebody removed while their programs ran: what is in them is lost. */
  lost: string[];
}

/** Maps in which libbpf tells programs where the arguments of USDT probes lie, by numbers that each loaded object gives anew. */
const USDT_MAPS = '__bpf_usdt_';

/** Where no generation runs. */
export const NO_MAPS: MapPlan = { reuse: {}, sizes: {}, copies: [], lost: [] };

/** The maps of a generation that is pinned already, as they are. */
export async function pinnedMaps(
  kernel: Kernel,
  pins: ServicePins,
  { variant }: Pick<NewGeneration, 'variant'>,
): Promise<Pick<MapPlan, 'reuse' | 'sizes'>> {
  const reuse = new Map<string, string>();
  const sizes = new Map<string, number>();
  for (const map of variant.maps.filter(({ name }) => !name.startsWith('.'))) {
    // A program array is filled when its object is loaded: one that is in use must not be.
    if (map.type === 'prog_array') continue;
    const pin = pins.map(map.name);
    const pinned = await kernel.inspectPin(pin);
    if (pinned?.kind !== 'map') continue;
    reuse.set(map.name, pin);
    // Larger than declared since somebody kept it so.
    if (hasEntries(map) && pinned.maxEntries > map.maxEntries) sizes.set(map.name, pinned.maxEntries);
  }
  return { reuse: Object.fromEntries(reuse), sizes: Object.fromEntries(sizes) };
}

/** How the entries of a map are copied into the new one. */
export interface MapCopy {
  name: string;
  before: VariantMap;
  after: VariantMap;
  key: ConversionStep[];
  value: ConversionStep[];
}

/**
 * Plans what becomes of each map, by name and schema and the declared migrations (spec/generations.md). An event buffer of another kind is
 * simply a new one: what is in it is only passing through. A program array is a new one for each generation, which `fillArrays` fills. Global variables (`.data`, `.bss`) belong to a generation.
 *
 * @throws {ShimError} `ERR_SHIM_MAP_INCOMPATIBLE` where contents would be lost that nobody gave up.
 */
export async function planMaps(
  kernel: Kernel,
  pins: ServicePins,
  next: NewGeneration,
  running: RunningGeneration,
): Promise<MapPlan> {
  const reuse = new Map<string, string>();
  const sizes = new Map<string, number>();
  const copies: MapCopy[] = [];
  const lost: string[] = [];
  const isLoaded = existsSync(pins.programs(running.id));
  const streams = new Set((next.index.events ?? []).map(({ map }) => map));
  // Maps and not records: a map of a service may well be called `constructor`.
  for (const map of next.variant.maps.filter(({ name }) => !name.startsWith('.') && !name.startsWith(USDT_MAPS))) {
    const { name } = map;
    const pinned = await kernel.inspectPin(pins.map(name));
    if (map.type === 'prog_array') continue;
    if (pinned?.kind !== 'map') {
      if (isLoaded && !streams.has(name) && running.variant.maps.some((other) => other.name === name)) lost.push(name);
      continue;
    }
    const before = await running.mapBefore(name);
    if (before === undefined) {
      reuse.set(name, pins.map(name));
      continue;
    }
    // Larger than declared since somebody kept it so; as long as the declaration does not change, it stays.
    const isLarger = hasEntries(map) && pinned.maxEntries > before.map.maxEntries;
    const real = isLarger ? { ...before.map, maxEntries: pinned.maxEntries } : before.map;
    const difference = differenceOf(before.map, map);
    if (difference === undefined) {
      reuse.set(name, pins.map(name));
      if (isLarger) sizes.set(name, pinned.maxEntries);
      continue;
    }
    if (streams.has(name) || next.discardMaps?.includes(name)) continue;
    const { rule, reverse } = ruleOf(name, before.map, next, running);
    if (rule === 'drop') continue;
    if (rule === 'keep-larger' && differInSizeOnly(real, map) && pinned.maxEntries >= map.maxEntries) {
      reuse.set(name, pins.map(name));
      sizes.set(name, pinned.maxEntries);
      continue;
    }
    copies.push(await planCopy({ before: { ...before, map: real }, map, next, rule, reverse, difference }));
  }
  return { reuse: Object.fromEntries(reuse), sizes: Object.fromEntries(sizes), copies, lost };
}

/** The rule for a map: that of the new version; on the way back that of the running one, the other way round. */
function ruleOf(
  name: string,
  { schema }: VariantMap,
  next: NewGeneration,
  running: RunningGeneration,
): { rule: MigrationRule | undefined; reverse: boolean } {
  const forth = next.index.migrations?.find(({ map, from }) => map === name && (from === undefined || from === schema));
  const back = running.index.migrations?.find(({ map }) => map === name);
  const reverse = next.id < running.id ? back !== undefined : forth === undefined;
  return { rule: (reverse ? back : forth)?.rule, reverse };
}

interface CopyToPlan {
  before: MapBefore;
  map: VariantMap;
  next: NewGeneration;
  rule: MigrationRule | undefined;
  /** On the way back, where numbers become smaller again. */
  reverse: boolean;
  difference: string;
}

async function planCopy({ before, map, next, rule, reverse, difference }: CopyToPlan): Promise<MapCopy> {
  const [old, now] = [await before.object(), next.object].map((bytes) => readBpfObject(bytes)) as [
    BpfObject,
    BpfObject,
  ];
  const key = planPart(old, now, map.name, 'key', reverse);
  const value = planPart(old, now, map.name, 'value', reverse);
  const changes = [...key.changes, ...value.changes];
  const refuse = (reason: string, lines: string[]): ShimError => incompatible(map.name, reason, lines);
  if (rule === undefined) throw refuse(`has another ${difference}, and no rule for its contents`, changes);
  if (!canCopy(before.map, map)) {
    const types = before.map.type === map.type ? map.type : `${before.map.type}, now ${map.type}`;
    throw refuse(`has another ${difference}, and contents that cannot be copied (${types})`, changes);
  }
  if (rule === 'keep-larger' && !differInSizeOnly(before.map, map)) {
    throw refuse(`has another ${difference}, and a rule for its number of entries alone`, changes);
  }
  const obstacles = [...key.obstacles, ...value.obstacles];
  if (obstacles.length > 0) throw refuse('has contents that its new form cannot hold', obstacles);
  return { name: map.name, before: before.map, after: map, key: key.steps, value: value.steps };
}

/** Keys or values of a map, by the BTF of its two definitions; where there is none, equal sizes must do. */
function planPart(old: BpfObject, now: BpfObject, name: string, part: 'key' | 'value', reverse: boolean): Conversion {
  const definitions = [old, now].map(({ maps }) => maps.find((map) => map.name === name));
  const [from, to] = definitions.map((map) => (part === 'key' ? map?.keyType : map?.valueType));
  if (old.btf && now.btf && from !== undefined && to !== undefined) {
    return planConversion(
      { btf: old.btf, type: from },
      { btf: now.btf, type: to },
      { path: part, narrow: reverse, complete: part === 'key' },
    );
  }
  const [size = 0, other = 0] = definitions.map((map) => (part === 'key' ? map?.keySize : map?.valueSize));
  const differs = size === other ? [] : [`${part} had ${size} bytes, has ${other}, of types that nobody declared`];
  return { steps: [{ kind: 'bytes', from: 0, to: 0, size }], changes: differs, obstacles: differs };
}

/** The refusal to lose what a map holds. */
export function incompatible(name: string, reason: string, lines: readonly string[] = []): ShimError {
  const shown = lines.slice(0, SHOWN_LINES).map((line) => `  ${line}`);
  if (lines.length > shown.length) shown.push(`  (${lines.length - shown.length} more)`);
  return new ShimError('ERR_SHIM_MAP_INCOMPATIBLE', `map "${name}" ${reason}`, {
    hint: `Ask the author for a version with a migration for it, or let its contents go with --discard-map ${name}.`,
    ...(shown.length > 0 ? { details: shown.join('\n') } : {}),
  });
}
