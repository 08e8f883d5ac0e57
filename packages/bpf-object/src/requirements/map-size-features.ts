import type { BpfMap, BpfObject } from '../object/bpf-object.ts';

/** Older kernels make no array with larger values: 4 MiB is the most that they allocate in one piece (KMALLOC_MAX_SIZE with pages of 4 KiB). */
const ARRAY_VALUE = 4 * 1024 * 1024;
/** … and no hash table with keys that do not fit on the stack (htab_map_alloc_check, MAX_BPF_STACK). */
const HASH_KEY = 512;
/** … and no storage of cgroups with values beyond a page (kernel/bpf/local_storage.c, cgroup_storage_map_alloc). */
const CGROUP_VALUE = 4096;

/** Abilities that the sizes of an object's maps ask for; of global data, only that of maps which the loader makes. */
export function mapSizeFeatures({ maps }: BpfObject, isMade: (map: BpfMap) => boolean): Set<string> {
  const features = new Set<string>();
  for (const map of maps.filter(isMade)) {
    if (map.type === 'array' && map.valueSize > ARRAY_VALUE) features.add('large-array-values');
    if (/^(?:lru_)?(?:percpu_)?hash$/.test(map.type) && map.keySize > HASH_KEY) features.add('large-hash-keys');
    if (/^(?:percpu_)?cgroup_storage$/.test(map.type) && map.valueSize > CGROUP_VALUE)
      features.add('large-cgroup-storage-values');
  }
  return features;
}
