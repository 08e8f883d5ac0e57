import { existsSync } from 'node:fs';
import type { BtfIndex, ServiceMetric, VariantMap } from '@bpfship/media-types';
import type { Kernel } from '../../kernel/kernel.ts';
import { ShimError } from '../../shim-error.ts';
import { type InstalledVariant, pinMissing } from '../events/stream-sources.ts';
import { type Histogram, histogramsOf } from './histogram.ts';
import { type MapContents, entryDecoder, hasEntries } from './map-contents.ts';

/** A map of a service, and what is in it. */
export interface ServiceMap extends MapContents {
  /** Absent where it holds none. */
  histograms?: Histogram[];
}

/** Which maps, and how much of them. */
export interface ReadMapsOptions {
  /** Name of one map. Default: all that have entries to list. */
  map?: string;
  /** Entries of a map at most. Default 1000. */
  limit?: number;
}

const DEFAULT_LIMIT = 1000;

/**
 * Reads the maps of an installed variant.
 *
 * @throws {ShimError} `ERR_SHIM_NO_MAP` where it has none of that name, or one without entries; `ERR_SHIM_PINS_MISSING`.
 */
export async function readMaps(
  kernel: Kernel,
  installed: InstalledVariant,
  { map, limit = DEFAULT_LIMIT }: ReadMapsOptions = {},
): Promise<ServiceMap[]> {
  const maps = map === undefined ? listedMaps(installed) : [mapToRead(installed, map)];
  const read: ServiceMap[] = [];
  for (const each of maps) read.push(await readMap(kernel, installed, each, limit));
  return read;
}

/** Maps with entries; libbpf's own, such as `.rodata`, have no pins. */
function listedMaps({ variant, pins }: InstalledVariant): VariantMap[] {
  return variant.maps.filter((map) => !map.name.startsWith('.') && hasEntries(map) && existsSync(pins.map(map.name)));
}

/** A map by its name. @throws {ShimError} `ERR_SHIM_NO_MAP`. */
export function findMap({ variant, index }: Pick<InstalledVariant, 'variant' | 'index'>, name: string): VariantMap {
  const found = variant.maps.find((map) => map.name === name);
  if (found) return found;
  throw new ShimError('ERR_SHIM_NO_MAP', `${index.name} has no map "${name}"`, {
    hint: `It has: ${variant.maps.map((map) => map.name).join(', ')}`,
  });
}

function mapToRead(installed: InstalledVariant, name: string): VariantMap {
  const found = findMap(installed, name);
  if (!hasEntries(found)) {
    throw new ShimError('ERR_SHIM_NO_MAP', `map "${name}" is a ${found.type}, which has no entries to list`, {
      hint: /ringbuf|perf_event/.test(found.type)
        ? `Its events: bpfship logs ${installed.index.name}`
        : 'Name another map.',
    });
  }
  if (!existsSync(installed.pins.map(name))) throw pinMissing(installed.index.name, name);
  return found;
}

async function readMap(
  kernel: Kernel,
  { pins, object, index }: InstalledVariant,
  { name, type, maxEntries }: VariantMap,
  limit: number,
): Promise<ServiceMap> {
  const decode = entryDecoder(object, name);
  const entries = await kernel.dumpMap(pins.map(name), limit + 1);
  const contents: MapContents = {
    name,
    type,
    maxEntries,
    entries: entries.slice(0, limit).map(decode),
    truncated: entries.length > limit,
  };
  const histograms = histogramsOf(contents, contents.entries, declaredHistogram(index, name));
  return histograms === undefined ? contents : { ...contents, histograms };
}

function declaredHistogram({ metrics = [] }: BtfIndex, map: string): ServiceMetric | undefined {
  return metrics.find((metric) => metric.map === map && metric.type === 'histogram');
}
