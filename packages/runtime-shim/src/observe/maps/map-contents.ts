import { type Btf, createValueDecoder, readBpfObject, type ValueDecoder } from '@bpfship/bpf-object';
import type { VariantMap } from '@bpfship/media-types';
import { addUp } from './add-up.ts';

/** What is in a map. */
export interface MapContents {
  name: string;
  /** libbpf's name of its type. */
  type: string;
  maxEntries: number;
  entries: MapEntry[];
  /** Whether there are more than were asked for. */
  truncated: boolean;
}

/** One entry, decoded by BTF; where that does not say what it is, its bytes as hex. */
export interface MapEntry {
  key: unknown;
  /** Of a per-CPU map, its values added up. */
  value: unknown;
  /** Of a per-CPU map: the value of each CPU that is possible. */
  cpus?: unknown[];
}

/** Decodes an entry. */
export type EntryDecoder = (entry: { key: Uint8Array; value: Uint8Array }) => MapEntry;

/** Map types that have no entries to list. */
const WITHOUT_ENTRIES = /ringbuf|perf_event_array|prog_array|queue|stack|bloom|arena|struct_ops|_storage$/;

/** Whether a map has entries that can be listed. */
export function hasEntries({ type }: Pick<VariantMap, 'type'>): boolean {
  return !WITHOUT_ENTRIES.test(type) || type === 'cgroup_storage' || type === 'percpu_cgroup_storage';
}

/** Makes the decoder for the entries of a map, from the object that defines it. */
export function entryDecoder(object: Uint8Array, mapName: string): EntryDecoder {
  const { btf, maps } = readBpfObject(object);
  const map = maps.find(({ name }) => name === mapName);
  const key = valueDecoder(btf, map?.keyType);
  const value = valueDecoder(btf, map?.valueType);
  const size = Math.ceil((map?.valueSize ?? 0) / 8) * 8;
  if (!map || !/percpu/.test(map.type) || size === 0)
    return (entry) => ({ key: key(entry.key), value: value(entry.value) });
  return (entry) => {
    // Each CPU's value is padded to 8 bytes (kernel/bpf/arraymap.c, bpf_percpu_array_copy).
    const cpus = Array.from({ length: Math.floor(entry.value.length / size) }, (_, i) =>
      value(entry.value.subarray(i * size, (i + 1) * size)),
    );
    return { key: key(entry.key), value: addUp(cpus), cpus };
  };
}

function valueDecoder(btf: Btf | undefined, id: number | undefined): ValueDecoder {
  if (!btf || id === undefined) return hex;
  try {
    return createValueDecoder(btf, id);
  } catch {
    return hex;
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
