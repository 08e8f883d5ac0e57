import type { ServiceMetric, VariantMap } from '@bpfship/media-types';
import { addUp, isNumber } from './add-up.ts';
import { fieldAt } from './field-at.ts';
import type { MapEntry } from './map-contents.ts';
import { valueText } from '../present/value-text.ts';

/** Slots of one histogram at most. */
const MAX_SLOTS = 1024;

/** How often values fell into each slot. */
export interface Histogram {
  /** What it belongs to, e.g. `dev=sda`; empty for the only one. */
  title: string;
  /** What the values are, e.g. `usecs`. */
  unit: string;
  /** `log2`: slot i counts values from 2^i up to 2^(i+1) - 1, slot 0 those of 0 too. `linear`: from i × step on. */
  kind: 'log2' | 'linear';
  /** Width of a linear slot. */
  step: number;
  slots: (number | bigint)[];
}

/** How a map holds histograms. */
export type HistogramShape = Pick<ServiceMetric, 'value' | 'unit' | 'slots' | 'step'>;

/**
 * The histograms in a map's entries, as its metric declares them, or by convention: an array `slots` in each value, as libbpf's tools have
 * it; or, in an array map with `hist` in its name, an entry for each slot, as bcc's have it.
 *
 * @returns undefined where the map holds none.
 */
export function histogramsOf(
  map: Pick<VariantMap, 'name' | 'type'>,
  entries: readonly MapEntry[],
  declared?: HistogramShape,
): Histogram[] | undefined {
  const { value: path = declared ? '' : 'slots', unit = '', slots: kind = 'log2', step = 1 } = declared ?? {};
  const shape = { unit, kind, step };
  const [first] = entries;
  if (!first) return declared ? [] : undefined;
  if (Array.isArray(fieldAt(first.value, path))) {
    return entries.map(({ key, value }) => ({
      ...shape,
      title: titleOf(key, entries.length),
      slots: slotsAt(value, path),
    }));
  }
  const bySlot = declared ?? (/hist/i.test(map.name) && map.type.endsWith('array') ? {} : undefined);
  if (bySlot === undefined) return undefined;
  return slotsByKey(entries, bySlot.value ?? '').map((each) => ({ ...shape, ...each }));
}

function slotsAt(value: unknown, path: string): (number | bigint)[] {
  const found = fieldAt(value, path);
  return Array.isArray(found) ? found.filter(isNumber).slice(0, MAX_SLOTS) : [];
}

/** The key is the slot, or has it in a field of that name; what else it has names the histogram. */
function slotsByKey(entries: readonly MapEntry[], path: string): { title: string; slots: (number | bigint)[] }[] {
  const histograms = new Map<string, (number | bigint)[]>();
  for (const { key, value } of entries) {
    const slot = isNumber(key) ? key : fieldAt(key, 'slot');
    const count = fieldAt(value, path);
    if (!isNumber(slot) || !isNumber(count) || slot < 0 || slot >= MAX_SLOTS) continue;
    const title = isNumber(key) ? '' : titleOf(withoutSlot(key), 2);
    const slots = histograms.get(title) ?? [];
    while (slots.length <= Number(slot)) slots.push(0);
    slots[Number(slot)] = addUp([slots[Number(slot)] ?? 0, count]) as number | bigint;
    histograms.set(title, slots);
  }
  return [...histograms].map(([title, slots]) => ({ title, slots }));
}

function withoutSlot(key: unknown): unknown {
  if (typeof key !== 'object' || key === null) return key;
  return Object.fromEntries(Object.entries(key).filter(([name]) => name !== 'slot'));
}

function titleOf(key: unknown, among: number): string {
  if (typeof key !== 'object' || key === null) return among > 1 ? valueText(key) : '';
  return Object.entries(key)
    .map(([name, value]) => `${name}=${valueText(value)}`)
    .join(' ');
}
