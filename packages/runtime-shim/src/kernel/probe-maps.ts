import { mapTypeNumber } from './native/map-types.ts';
import { COMMAND, type Bpf } from './native/bpf.ts';
import { BTF_INT, loadBtf } from './native/btf-blob.ts';
import { answerOf } from './native/errno.ts';

const F_NO_PREALLOC = 1;
const F_RDONLY_PROG = 1 << 7;
const F_MMAPABLE = 1 << 10;
const PAGE_SIZE = 4096;
const ENOTSUPP = -524;

/** How a map of some type is made; what is not named has a key and a value of 4 bytes and one entry. */
interface Shape {
  key?: number;
  value?: number;
  entries?: number;
  flags?: number;
  /** Key and value must have BTF. */
  btf?: true;
  /** The map needs an inner map. */
  inner?: true;
  /** Of the type's own meaning: for an arena, its address in the process. */
  extra?: bigint;
}

/** Types that need more than the usual (kernel/bpf/*.c, map_alloc_check of each type). */
const SHAPES: Readonly<Record<string, Shape>> = {
  stack_trace: { value: 8 },
  lpm_trie: { key: 8, flags: F_NO_PREALLOC },
  cgroup_storage: { key: 16, entries: 0 },
  percpu_cgroup_storage: { key: 16, entries: 0 },
  queue: { key: 0 },
  stack: { key: 0 },
  bloom_filter: { key: 0 },
  sk_storage: { entries: 0, flags: F_NO_PREALLOC, btf: true },
  inode_storage: { entries: 0, flags: F_NO_PREALLOC, btf: true },
  task_storage: { entries: 0, flags: F_NO_PREALLOC, btf: true },
  cgrp_storage: { entries: 0, flags: F_NO_PREALLOC, btf: true },
  ringbuf: { key: 0, value: 0, entries: PAGE_SIZE },
  user_ringbuf: { key: 0, value: 0, entries: PAGE_SIZE },
  arena: { key: 0, value: 0, flags: F_MMAPABLE },
  array_of_maps: { inner: true },
  hash_of_maps: { inner: true },
  reuseport_sockarray: { value: 8 },
  insn_array: { value: 16 },
  rhash: { flags: F_NO_PREALLOC },
};

/** Makes a map of the type and closes it; `undefined` where the right is missing. As libbpf_probe_bpf_map_type. */
export function probeMapType(bpf: Bpf, type: string): boolean | undefined {
  if (mapTypeNumber(type) === undefined) return undefined;
  if (type === 'struct_ops') {
    const result = createMap(bpf, type, {}, { vmlinuxValueType: 1 });
    return result === ENOTSUPP || answerOf(result);
  }
  const shape = SHAPES[type] ?? {};
  const needed = {
    ...(shape.inner ? { inner: createMap(bpf, 'hash', {}) } : {}),
    ...(shape.btf ? { btf: loadBtf(bpf, { types: [BTF_INT], names: ['int'] }) } : {}),
  };
  // What cannot be made for want of a right says nothing about the map.
  const failed = Object.values(needed).find((fd) => fd < 0);
  const result = failed ?? createMap(bpf, type, shape, needed);
  for (const fd of [...Object.values(needed), result]) if (fd >= 0) bpf.native.close(fd);
  return answerOf(result);
}

/** BPF_MAP_CREATE, of a type by libbpf's name. @returns a descriptor, or `-errno`. */
export function createMap(
  bpf: Bpf,
  type: string,
  { key = 4, value = 4, entries = 1, flags = 0, extra }: Shape,
  more: { inner?: number; btf?: number; valueType?: number; vmlinuxValueType?: number } = {},
): number {
  return bpf.call(COMMAND.mapCreate, (attr) => {
    attr.writeUInt32LE(mapTypeNumber(type) ?? 0, 0);
    attr.writeUInt32LE(key, 4);
    attr.writeUInt32LE(value, 8);
    attr.writeUInt32LE(entries, 12);
    attr.writeUInt32LE(flags, 16);
    if (more.inner !== undefined && more.inner >= 0) attr.writeUInt32LE(more.inner, 20);
    if (more.btf !== undefined && more.btf >= 0) {
      attr.writeUInt32LE(more.btf, 48);
      attr.writeUInt32LE(1, 52);
      attr.writeUInt32LE(more.valueType ?? 1, 56);
    }
    if (extra !== undefined) attr.writeBigUInt64LE(extra, 64);
    if (more.vmlinuxValueType !== undefined) attr.writeUInt32LE(more.vmlinuxValueType, 60);
  });
}

/** Does something with a map and closes it; where it could not be made, that is the answer. */
export function withMap(bpf: Bpf, map: number, action: (map: number) => boolean | undefined): boolean | undefined {
  if (map < 0) return answerOf(map);
  try {
    return action(map);
  } finally {
    bpf.native.close(map);
  }
}

/** An array with one value, which neither programs nor this process can change any more. @returns a descriptor, or `-errno`. */
export function createFrozenArray(bpf: Bpf, value: Uint8Array): number {
  const map = createMap(bpf, 'array', { value: value.length, flags: F_RDONLY_PROG });
  if (map < 0) return map;
  const written = bpf.call(COMMAND.mapUpdate, (attr, arena) => {
    attr.writeUInt32LE(map, 0);
    attr.writeBigUInt64LE(arena.copy(Buffer.alloc(4)), 8);
    attr.writeBigUInt64LE(arena.copy(value), 16);
  });
  const result = written < 0 ? written : bpf.call(COMMAND.mapFreeze, (attr) => attr.writeUInt32LE(map, 0));
  if (result >= 0) return map;
  bpf.native.close(map);
  return result;
}
