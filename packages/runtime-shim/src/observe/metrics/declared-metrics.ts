import type { ServiceMetric } from '@bpfship/media-types';
import { addUp, isNumber } from '../maps/add-up.ts';
import { fieldAt } from '../maps/field-at.ts';
import { histogramsOf } from '../maps/histogram.ts';
import type { MapEntry } from '../maps/map-contents.ts';
import type { ServiceMap } from '../maps/read-maps.ts';
import { valueText } from '../present/value-text.ts';
import type { MetricFamily, MetricHistogram, MetricSeries } from './metric-family.ts';

/** Series of one metric at most; the rest is counted, not exported. */
export const MAX_SERIES = 1000;
/** Characters of a label's value. */
const MAX_LABEL = 128;

/** A declared metric with its series, and how many were left out. */
export interface DeclaredMetric {
  family: MetricFamily;
  left: number;
}

/** A metric that a service declares, from the contents of its map. @param read - its map, as far as it was read. */
export function declaredMetric(service: string, metric: ServiceMetric, read: ServiceMap): DeclaredMetric {
  const { name, type, description, unit } = metric;
  const groups = groupByLabels(read.entries, metric);
  const series = [...groups.values()].slice(0, MAX_SERIES).map(({ labels, entries }): MetricSeries => {
    const all = { service, ...labels };
    if (type !== 'histogram') return { labels: all, value: valueOf(entries, metric) };
    return { labels: all, histogram: histogramOf(read, entries, metric) };
  });
  const base = `${service.replaceAll(/[^a-z0-9]+/g, '_')}_${name.replace(/_total$/, '')}`;
  return {
    family: {
      name: unit === undefined || base.endsWith(`_${unit}`) ? base : `${base}_${unit}`,
      type,
      ...(description === undefined ? {} : { help: description }),
      ...(unit === undefined ? {} : { unit }),
      series,
    },
    left: Math.max(0, groups.size - MAX_SERIES),
  };
}

interface Group {
  labels: Record<string, string>;
  entries: MapEntry[];
}

/** Entries whose labels are equal are one series. */
function groupByLabels(entries: readonly MapEntry[], { labels = [] }: ServiceMetric): Map<string, Group> {
  const groups = new Map<string, Group>();
  for (const entry of entries) {
    const own = Object.fromEntries(
      labels.map(({ name, field = '' }) => [name, valueText(fieldAt(entry.key, field)).slice(0, MAX_LABEL)]),
    );
    const key = JSON.stringify(own);
    const group = groups.get(key);
    if (group) group.entries.push(entry);
    else groups.set(key, { labels: own, entries: [entry] });
  }
  return groups;
}

function valueOf(entries: readonly MapEntry[], { value = '', divisor }: ServiceMetric): number | bigint {
  const numbers = entries.map((entry) => fieldAt(entry.value, value)).filter(isNumber);
  const sum = numbers.length === 0 ? 0 : (addUp(numbers) as number | bigint);
  return divisor === undefined ? sum : Number(sum) / divisor;
}

function histogramOf(read: ServiceMap, entries: readonly MapEntry[], metric: ServiceMetric): MetricHistogram {
  const histograms = histogramsOf(read, entries, metric) ?? [];
  const { divisor = 1 } = metric;
  const slots: (number | bigint)[] = [];
  for (const each of histograms)
    for (const [slot, count] of each.slots.entries()) slots[slot] = addUp([slots[slot] ?? 0, count]) as number | bigint;
  let total: number | bigint = 0;
  const buckets = slots.map((count, slot) => {
    total = addUp([total, count]) as number | bigint;
    return { bound: upperBound(slot, metric) / divisor, count: total };
  });
  const { sum } = metric;
  return {
    buckets,
    count: total,
    ...(sum === undefined ? {} : { sum: Number(valueOf(entries, { ...metric, value: sum })) }),
  };
}

/** The largest value that a slot counts. */
function upperBound(slot: number, { slots = 'log2', step = 1 }: Pick<ServiceMetric, 'slots' | 'step'>): number {
  return slots === 'log2' ? 2 ** (slot + 1) - 1 : (slot + 1) * step;
}
