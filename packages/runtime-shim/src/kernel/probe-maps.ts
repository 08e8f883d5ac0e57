import { mapTypeNumber } from './native/map-types.ts';
import { COMMAND, type Bpf } from './native/bpf.ts';
import { answerOf } from './native/errno.ts';

const F_NO_PREALLOC = 1;
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
};

/** Makes a map of the type and closes it; `undefined` where the right is missing. As libbpf_probe_bpf_map_type. */
export function probeMapType(bpf: Bpf, type: string): boolean | undefined {
  const number = mapTypeNumber(type);
  if (number === undefined) return undefined;
  if (type === 'struct_ops') {
    const result = createMap(bpf, number, {}, { vmlinuxValueType: 1 });
    return result === ENOTSUPP || answerOf(result);
  }
  const shape = SHAPES[type] ?? {};
  const needed = {
    ...(shape.inner ? { inner: createMap(bpf, mapTypeNumber('hash') ?? 1, {}) } : {}),
    ...(shape.btf ? { btf: loadIntBtf(bpf) } : {}),
  };
  // What cannot be made for want of a right says nothing about the map.
  const failed = Object.values(needed).find((fd) => fd < 0);
  const result = failed ?? createMap(bpf, number, shape, needed);
  for (const fd of [...Object.values(needed), result]) if (fd >= 0) bpf.native.close(fd);
  return answerOf(result);
}

/** BPF_MAP_CREATE. @returns a descriptor, or `-errno`. */
export function createMap(
  bpf: Bpf,
  type: number,
  { key = 4, value = 4, entries = 1, flags = 0 }: Shape,
  more: { inner?: number; btf?: number; vmlinuxValueType?: number } = {},
): number {
  return bpf.call(COMMAND.mapCreate, (attr) => {
    attr.writeUInt32LE(type, 0);
    attr.writeUInt32LE(key, 4);
    attr.writeUInt32LE(value, 8);
    attr.writeUInt32LE(entries, 12);
    attr.writeUInt32LE(flags, 16);
    if (more.inner !== undefined && more.inner >= 0) attr.writeUInt32LE(more.inner, 20);
    if (more.btf !== undefined && more.btf >= 0) {
      attr.writeUInt32LE(more.btf, 48);
      attr.writeUInt32LE(1, 52);
      attr.writeUInt32LE(1, 56);
    }
    if (more.vmlinuxValueType !== undefined) attr.writeUInt32LE(more.vmlinuxValueType, 60);
  });
}

/** Loads a BTF blob with one type, `int`. */
function loadIntBtf(bpf: Bpf): number {
  const strings = Buffer.from('\0int\0');
  const header = Buffer.alloc(24 + 16 + strings.length);
  header.writeUInt16LE(0xeb9f, 0);
  header.writeUInt8(1, 2);
  header.writeUInt32LE(24, 4);
  header.writeUInt32LE(16, 12);
  header.writeUInt32LE(16, 16);
  header.writeUInt32LE(strings.length, 20);
  header.writeUInt32LE(1, 24);
  header.writeUInt32LE(1 << 24, 28);
  header.writeUInt32LE(4, 32);
  header.writeUInt32LE((1 << 24) | 32, 36);
  strings.copy(header, 40);
  return bpf.call(COMMAND.btfLoad, (attr, arena) => {
    attr.writeBigUInt64LE(arena.copy(header), 0);
    attr.writeUInt32LE(header.length, 16);
  });
}
