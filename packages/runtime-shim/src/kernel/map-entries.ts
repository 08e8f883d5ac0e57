import { possibleCpus } from './inspect.ts';
import { KernelError } from './kernel-error.ts';
import type { MapEntries, ReadEntriesOptions, WriteEntriesOptions, WrittenEntries } from './kernel.ts';
import { Arena } from './native/arena.ts';
import { type Bpf, COMMAND } from './native/bpf.ts';
import { callError, errnoName } from './native/errno.ts';
import { mapTypeName } from './native/map-types.ts';

/** Kernels and map types without batch operations answer so. */
const NO_BATCH: ReadonlySet<string> = new Set(['EINVAL', 'ENOTSUPP', 'EOPNOTSUPP']);
/** Failures of a batch that say how many entries were written before (kernel/bpf/syscall.c, generic_map_update_batch). */
const COUNTED: ReadonlySet<string> = new Set(['E2BIG', 'ENOSPC', 'EEXIST', 'EBUSY']);
/** A bucket of a hash is given whole, or not at all: entries that are made room for at most. */
const MAX_BATCH = 65_536;
/** Flags of an update: only where there is no such key (BPF_NOEXIST). */
const NO_EXIST = 1n;
/** First byte of a place to go on from. */
const PLACE = { key: 0, batch: 1 } as const;

/** A pinned map that is open. */
interface OpenMap {
  bpf: Bpf;
  fd: number;
  pin: string;
  keySize: number;
  /** Bytes that the kernel gives and takes for one value: per-CPU values follow one another, each padded to 8 bytes. */
  valueSize: number;
}

/** Reads a piece of a map's entries, by batch operations where the kernel has them for its type. */
export function readEntries(bpf: Bpf, { pin, after, limit }: ReadEntriesOptions): MapEntries {
  return withMap(bpf, pin, (map) => {
    if (after?.[0] === PLACE.key) return readByKey(map, after.subarray(1), limit);
    return readBatch(map, after?.subarray(1), limit) ?? readByKey(map, undefined, limit);
  });
}

/** The value at a key; `undefined` where the map has none. */
export function lookUpEntry(bpf: Bpf, pin: string, key: Uint8Array): Uint8Array | undefined {
  return withMap(bpf, pin, ({ fd, keySize, valueSize }) => {
    if (key.length !== keySize) throw new KernelError('ERR_KERNEL_CALL', `a key of ${pin} has ${keySize} bytes`);
    using arena = new Arena();
    const value = arena.allocate(Math.max(valueSize, 1));
    const result = bpf.call(COMMAND.mapLookup, (attr) => {
      attr.writeUInt32LE(fd, 0);
      attr.writeBigUInt64LE(arena.copy(key), 8);
      attr.writeBigUInt64LE(value.address, 16);
    });
    if (result >= 0) return Uint8Array.from(value.bytes.subarray(0, valueSize));
    if (errnoName(result) === 'ENOENT') return undefined;
    throw callError('ERR_KERNEL_CALL', `reading an entry of ${pin}`, result);
  });
}

/** Writes entries into a map. @throws {KernelError} `ERR_KERNEL_MAP_FULL` where they have no room. */
export function writeEntries(bpf: Bpf, options: WriteEntriesOptions): WrittenEntries {
  return withMap(bpf, options.pin, (map) => {
    const { count, keys, values, onlyMissing = false } = options;
    if (keys.length !== count * map.keySize || values.length !== count * map.valueSize) {
      throw new KernelError('ERR_KERNEL_CALL', `the entries for ${options.pin} have another size than it has`);
    }
    using arena = new Arena();
    const addresses = { keys: arena.copy(keys), values: arena.copy(values) };
    let done = onlyMissing ? 0 : writeBatch(map, addresses, count);
    const written = { written: done, present: 0 };
    for (; done < count; done++) {
      const result = bpf.call(COMMAND.mapUpdate, (attr) => {
        attr.writeUInt32LE(map.fd, 0);
        attr.writeBigUInt64LE(addresses.keys + BigInt(done * map.keySize), 8);
        attr.writeBigUInt64LE(addresses.values + BigInt(done * map.valueSize), 16);
        attr.writeBigUInt64LE(onlyMissing ? NO_EXIST : 0n, 24);
      });
      if (result >= 0) written.written++;
      else if (onlyMissing && errnoName(result) === 'EEXIST') written.present++;
      else throw writeError(map, result);
    }
    return written;
  });
}

function writeError({ pin }: OpenMap, result: number): KernelError {
  const errno = errnoName(result);
  if (errno !== 'E2BIG' && errno !== 'ENOSPC') return callError('ERR_KERNEL_CALL', `writing into ${pin}`, result);
  return new KernelError('ERR_KERNEL_MAP_FULL', `the map ${pin} has no room for more entries`, { errno });
}

function withMap<T>(bpf: Bpf, pin: string, use: (map: OpenMap) => T): T {
  return bpf.withPinned(pin, (fd) => {
    const info = bpf.info(fd);
    const size = info.readUInt32LE(12);
    const perCpu = /percpu/.test(mapTypeName(info.readUInt32LE(0)));
    const valueSize = perCpu ? Math.ceil(size / 8) * 8 * possibleCpus() : size;
    return use({ bpf, fd, pin, keySize: info.readUInt32LE(8), valueSize });
  });
}

/** @returns undefined where there are no batch operations. */
function readBatch(map: OpenMap, after: Uint8Array | undefined, limit: number): MapEntries | undefined {
  for (let room = limit; ; room *= 2) {
    using arena = new Arena();
    // A hash's place is a bucket's number, any other's a key.
    const [from, to] = [1, 2].map(() => arena.allocate(Math.max(map.keySize, 4))) as [Place, Place];
    if (after) from.bytes.set(after);
    const keys = arena.allocate(room * map.keySize);
    const values = arena.allocate(room * map.valueSize);
    const attr = map.bpf.attribute((bytes) => {
      bytes.writeBigUInt64LE(after ? from.address : 0n, 0);
      bytes.writeBigUInt64LE(to.address, 8);
      bytes.writeBigUInt64LE(keys.address, 16);
      bytes.writeBigUInt64LE(values.address, 24);
      bytes.writeUInt32LE(room, 32);
      bytes.writeUInt32LE(map.fd, 36);
    }, arena);
    const result = map.bpf.callWith(COMMAND.mapLookupBatch, attr);
    const errno = result < 0 ? errnoName(result) : '';
    if (errno === 'ENOSPC' && room < MAX_BATCH) continue;
    if (result < 0 && NO_BATCH.has(errno) && !after) return undefined;
    if (result < 0 && errno !== 'ENOENT') throw callError('ERR_KERNEL_CALL', `reading ${map.pin}`, result);
    const count = attr.readUInt32LE(32);
    return {
      count,
      keys: Uint8Array.from(keys.bytes.subarray(0, count * map.keySize)),
      values: Uint8Array.from(values.bytes.subarray(0, count * map.valueSize)),
      ...(result < 0 ? {} : { next: Uint8Array.from([PLACE.batch, ...to.bytes]) }),
    };
  }
}

type Place = ReturnType<Arena['allocate']>;

function readByKey(map: OpenMap, after: Uint8Array | undefined, limit: number): MapEntries {
  const { bpf, keySize, valueSize } = map;
  using arena = new Arena();
  const [key, next] = [1, 2].map(() => arena.allocate(Math.max(keySize, 1))) as [Place, Place];
  const value = arena.allocate(Math.max(valueSize, 1));
  const keys = new Uint8Array(limit * keySize);
  const values = new Uint8Array(limit * valueSize);
  if (after) key.bytes.set(after);
  let previous = after ? key.address : 0n;
  let count = 0;
  while (count < limit) {
    const walked = entryCall(map, COMMAND.mapNextKey, previous, next.address);
    if (walked < 0) {
      if (errnoName(walked) !== 'ENOENT') throw callError('ERR_KERNEL_CALL', `reading ${map.pin}`, walked);
      return { count, keys: keys.subarray(0, count * keySize), values: values.subarray(0, count * valueSize) };
    }
    next.bytes.copy(key.bytes);
    previous = key.address;
    // An entry may be deleted between the two calls.
    if (entryCall(map, COMMAND.mapLookup, key.address, value.address) < 0) continue;
    keys.set(key.bytes.subarray(0, keySize), count * keySize);
    values.set(value.bytes.subarray(0, valueSize), count * valueSize);
    count++;
  }
  return { count, keys, values, next: Uint8Array.from([PLACE.key, ...key.bytes.subarray(0, keySize)]) };

  function entryCall(open: OpenMap, command: number, first: bigint, second: bigint): number {
    return bpf.call(command, (attr) => {
      attr.writeUInt32LE(open.fd, 0);
      attr.writeBigUInt64LE(first, 8);
      attr.writeBigUInt64LE(second, 16);
    });
  }
}

/** @returns how many entries were written: fewer than given where there are no batch operations, or one of them failed. */
function writeBatch(map: OpenMap, { keys, values }: { keys: bigint; values: bigint }, count: number): number {
  if (count === 0) return 0;
  const attr = map.bpf.attribute((bytes) => {
    bytes.writeBigUInt64LE(keys, 16);
    bytes.writeBigUInt64LE(values, 24);
    bytes.writeUInt32LE(count, 32);
    bytes.writeUInt32LE(map.fd, 36);
  });
  const result = map.bpf.callWith(COMMAND.mapUpdateBatch, attr);
  if (result >= 0) return count;
  return COUNTED.has(errnoName(result)) ? Math.min(attr.readUInt32LE(32), count) : 0;
}
