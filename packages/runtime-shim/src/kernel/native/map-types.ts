/**
 * libbpf's names of map types, in the order of `enum bpf_map_type` (include/uapi/linux/bpf.h). A copy of bpf-object's, held against it by a
 * test: the worker starts in half the time without that package.
 */
export const MAP_TYPES: readonly string[] = [
  'unspec',
  'hash',
  'array',
  'prog_array',
  'perf_event_array',
  'percpu_hash',
  'percpu_array',
  'stack_trace',
  'cgroup_array',
  'lru_hash',
  'lru_percpu_hash',
  'lpm_trie',
  'array_of_maps',
  'hash_of_maps',
  'devmap',
  'sockmap',
  'cpumap',
  'xskmap',
  'sockhash',
  'cgroup_storage',
  'reuseport_sockarray',
  'percpu_cgroup_storage',
  'queue',
  'stack',
  'sk_storage',
  'devmap_hash',
  'struct_ops',
  'ringbuf',
  'inode_storage',
  'task_storage',
  'bloom_filter',
  'user_ringbuf',
  'cgrp_storage',
  'arena',
  'insn_array',
  'rhash',
];

/** The name of a map type. */
export function mapTypeName(number: number): string {
  return MAP_TYPES[number] ?? `map_type_${number}`;
}

/** The number of a map type by its name; `undefined` for a name that is not known. */
export function mapTypeNumber(name: string): number | undefined {
  const number = MAP_TYPES.indexOf(name);
  return number > 0 ? number : undefined;
}
