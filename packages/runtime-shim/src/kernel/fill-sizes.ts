import { mapTypeName } from './native/map-types.ts';
import type { Native, Pointer } from './native/library.ts';

/** Types that take no number of entries: the kernel's local storages, its own structs, and cgroup storages (map_alloc_check in kernel/bpf). */
const WITHOUT_ENTRIES: ReadonlySet<string> = new Set([
  'sk_storage',
  'inode_storage',
  'task_storage',
  'cgrp_storage',
  'cgroup_storage',
  'percpu_cgroup_storage',
  'struct_ops',
  // libbpf itself fills in the number of CPUs (map_set_def_max_entries).
  'perf_event_array',
]);
/** Bytes of a ring buffer: one page of the largest size that Linux has, which is a multiple of every smaller one. */
const RING_BUFFER_SIZE = 65_536;
/** Bytes of a stack with the kernel's default depth (127 addresses, /proc/sys/kernel/perf_event_max_stack). */
const STACK_SIZE = 127 * 8;

/** Gives a map the sizes that its object leaves to the tool's user space, which knows them only when it runs. */
export function fillSizes(native: Native, map: Pointer): void {
  const type = mapTypeName(native.mapType(map));
  if (type === 'stack_trace' && native.mapValueSize(map) === 0) native.mapSetValueSize(map, STACK_SIZE);
  if (native.mapMaxEntries(map) !== 0 || WITHOUT_ENTRIES.has(type)) return;
  native.mapSetMaxEntries(map, type.endsWith('ringbuf') ? RING_BUFFER_SIZE : 1);
}
