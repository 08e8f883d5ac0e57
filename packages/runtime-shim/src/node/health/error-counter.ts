import type { ErrorCounterProbe } from '@bpfship/media-types';
import { entryDecoder } from '../../observe/maps/map-contents.ts';
import type { OpenProbes, Probe, ProbedGeneration } from './probe.ts';

/** Probes that counters in maps rise only so far. */
export const openErrorCounters: OpenProbes = ({ errorCounter = [] }, generation) =>
  Promise.all(errorCounter.map((probe) => openProbe(probe, generation)));

async function openProbe(probe: ErrorCounterProbe, generation: ProbedGeneration): Promise<Probe> {
  const { map, key, field, max } = probe;
  const read = reader(probe, generation);
  const start = generation.newMaps.has(map) ? 0n : await read();
  const name = `${map}[${key}]${field === undefined ? '' : `.${field}`}`;
  return {
    async look(_elapsed, isLast) {
      const now = await read();
      if (start === undefined || now === undefined) {
        return { state: 'unknown', detail: `${name} is no number that can be read` };
      }
      const rise = now - start;
      if (rise > BigInt(max)) return { state: 'failed', detail: `${name} rose by ${rise}, at most ${max} allowed` };
      return { state: isLast ? 'passed' : 'waiting', detail: `${name} rose by ${rise}, at most ${max} allowed` };
    },
  };
}

/** Reads the counter; an entry that is not there counts 0, and `undefined` is no number. */
function reader(
  { map: name, key, field }: ErrorCounterProbe,
  { kernel, pins, variant, object }: ProbedGeneration,
): () => Promise<bigint | undefined> {
  const map = variant.maps.find((candidate) => candidate.name === name);
  const bytes = map && keyBytes(key, map.keySize);
  if (!bytes) return () => Promise.resolve(undefined);
  const decode = entryDecoder(object, name);
  return async () => {
    const value = await kernel.lookUpEntry(pins.map(name), bytes);
    return value === undefined ? 0n : numberIn(decode({ key: bytes, value }).value, field);
  };
}

function keyBytes(key: number, size: number): Uint8Array | undefined {
  if (![1, 2, 4, 8].includes(size) || BigInt(key) >= 1n << BigInt(size * 8)) return undefined;
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(key));
  return Uint8Array.from(bytes.subarray(0, size));
}

/** A number, or that of a field; of a per-CPU map, the decoder has added them up. */
function numberIn(value: unknown, field: string | undefined): bigint | undefined {
  if (typeof value === 'bigint') return field === undefined ? value : undefined;
  if (typeof value === 'number') return field === undefined ? BigInt(value) : undefined;
  if (typeof value !== 'object' || value === null || field === undefined) return undefined;
  return Object.hasOwn(value, field) ? numberIn((value as Record<string, unknown>)[field], undefined) : undefined;
}
