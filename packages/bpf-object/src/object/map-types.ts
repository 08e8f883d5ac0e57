/** Map types by number, by libbpf's names (libbpf_bpf_map_type_str). */
const MAP_TYPES: readonly string[] = `
  unspec hash array prog_array perf_event_array percpu_hash percpu_array stack_trace cgroup_array lru_hash
  lru_percpu_hash lpm_trie array_of_maps hash_of_maps devmap sockmap cpumap xskmap sockhash cgroup_storage
  reuseport_sockarray percpu_cgroup_storage queue stack sk_storage devmap_hash struct_ops ringbuf inode_storage
  task_storage bloom_filter user_ringbuf cgrp_storage arena insn_array rhash
`
  .trim()
  .split(/\s+/);

/** A map type's name, e.g. 27 → `ringbuf`; `map_type_<number>` for one that is newer than this list. */
export function mapTypeName(number: number): string {
  return MAP_TYPES[number] ?? `map_type_${number}`;
}
