import type { VariantMap } from '@bpfship/media-types';
import { type Answer, unmet } from '../answer.ts';

/** Sizes in bytes that the kernel asks of a map type; absent = any but zero. */
interface MapShape {
  key?: number;
  value?: number;
  /** Flags that must be set. */
  flags?: number;
}

/** BPF_F_NO_PREALLOC and BPF_F_MMAPABLE (include/uapi/linux/bpf.h). */
const NO_PREALLOC = 1 << 0;
const MMAPABLE = 1 << 10;

/** The only types that take BPF_F_MMAPABLE. */
const MAPPABLE: ReadonlySet<string> = new Set(['array', 'arena']);

/**
 * What the kernel refuses whatever its version is (kernel/bpf: ringbuf.c, arraymap.c, queue_stack_maps.c, bloom_filter.c, devmap.c, sock_map.c
 * and others, *_map_alloc_check). A loader passes the sizes on as the object has them.
 */
const SHAPES: ReadonlyMap<string, MapShape> = new Map<string, MapShape>([
  ['ringbuf', { key: 0, value: 0 }],
  ['user_ringbuf', { key: 0, value: 0 }],
  ['array', { key: 4 }],
  ['percpu_array', { key: 4 }],
  ['prog_array', { key: 4, value: 4 }],
  ['perf_event_array', { key: 4, value: 4 }],
  ['cgroup_array', { key: 4, value: 4 }],
  ['array_of_maps', { key: 4, value: 4 }],
  ['hash_of_maps', { value: 4 }],
  ['queue', { key: 0 }],
  ['stack', { key: 0 }],
  ['bloom_filter', { key: 0 }],
  ['xskmap', { key: 4, value: 4 }],
  ['stack_trace', { key: 4 }],
  ['lpm_trie', { flags: NO_PREALLOC }],
  ['sk_storage', { key: 4, flags: NO_PREALLOC }],
  ['task_storage', { key: 4, flags: NO_PREALLOC }],
  ['inode_storage', { key: 4, flags: NO_PREALLOC }],
  ['cgrp_storage', { key: 4, flags: NO_PREALLOC }],
]);

/** Types whose shape other rules decide: the kernel's own structs, and memory of the program itself. */
const FREE: ReadonlySet<string> = new Set(['struct_ops', 'arena', 'cgroup_storage', 'percpu_cgroup_storage']);

/** Whether any kernel could make the map (spec/selection.md, "Maps"). */
export function checkMap({ name, type, keySize, valueSize, flags, inner }: VariantMap): Answer {
  if (FREE.has(type)) return 'met';
  const shape = SHAPES.get(type) ?? {};
  // How deep stacks are recorded is for the tool to say, as is how many entries a map has: both may be 0 in the object.
  const isLeftOpen = type === 'stack_trace' && valueSize === 0;
  const wrong =
    sizeProblem('keys', keySize, shape.key) ??
    (isLeftOpen ? undefined : sizeProblem('values', valueSize, shape.value)) ??
    flagProblem(type, flags, shape.flags);
  if (wrong !== undefined) return unmet('map-shape', `map ${name} of type ${type} cannot be made: ${wrong}`);
  if (type.endsWith('_of_maps') && inner === undefined) {
    return unmet('map-inner-missing', `map ${name} of type ${type} does not say what maps it holds`);
  }
  return 'met';
}

function sizeProblem(what: string, size: number, wanted: number | undefined): string | undefined {
  if (wanted !== undefined)
    return size === wanted ? undefined : `its ${what} have ${size} bytes, and must have ${wanted}`;
  return size === 0 ? `its ${what} have no size` : undefined;
}

function flagProblem(type: string, flags: number, wanted: number | undefined): string | undefined {
  if (wanted === NO_PREALLOC && (flags & NO_PREALLOC) === 0) return 'it must have the flag BPF_F_NO_PREALLOC';
  return (flags & MMAPABLE) !== 0 && !MAPPABLE.has(type) ? 'it cannot have the flag BPF_F_MMAPABLE' : undefined;
}
