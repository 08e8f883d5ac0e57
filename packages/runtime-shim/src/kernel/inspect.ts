import { readFileSync, readlinkSync } from 'node:fs';
import { inspectAttachment, linkInfo } from './attach/inspect-attachment.ts';
import type { PinnedInfo } from './kernel.ts';
import { Arena } from './native/arena.ts';
import { COMMAND, type Bpf } from './native/bpf.ts';
import { mapTypeName } from './native/map-types.ts';
import { callError, errnoName } from './native/errno.ts';
import { PROGRAM_TYPES } from './native/names.ts';

/** What the kernel knows of a pinned object; `undefined` where there is no such pin. */
export function inspectPin(bpf: Bpf, path: string): PinnedInfo | undefined {
  const attachment = inspectAttachment(bpf, path);
  if (attachment) return attachment;
  const fd = bpf.open(path);
  if (fd < 0) {
    if (errnoName(fd) === 'ENOENT') return undefined;
    throw callError('ERR_KERNEL_PIN', `opening ${path}`, fd);
  }
  try {
    const info = bpf.info(fd);
    const id = info.readUInt32LE(4);
    // The kernel names what a descriptor is only here.
    switch (readlinkSync(`/proc/self/fd/${fd}`)) {
      case 'anon_inode:bpf-map':
        return {
          kind: 'map',
          id,
          name: cString(info.subarray(24, 40)),
          type: mapTypeName(info.readUInt32LE(0)),
          keySize: info.readUInt32LE(8),
          valueSize: info.readUInt32LE(12),
          maxEntries: info.readUInt32LE(16),
        };
      case 'anon_inode:bpf-prog':
        return {
          kind: 'program',
          id,
          name: cString(info.subarray(64, 80)),
          type: PROGRAM_TYPES[info.readUInt32LE(0)] ?? 'unknown',
          tag: info.subarray(8, 16).toString('hex'),
        };
      default:
        return linkInfo(bpf, fd);
    }
  } finally {
    bpf.native.close(fd);
  }
}

/** Entries of a pinned map, up to `limit`. Values of per-CPU maps follow one another, each padded to 8 bytes. */
export function dumpMap(bpf: Bpf, path: string, limit: number): { key: Uint8Array; value: Uint8Array }[] {
  return bpf.withPinned(path, (fd) => {
    const info = bpf.info(fd);
    const keySize = info.readUInt32LE(8);
    const perCpu = /percpu/.test(mapTypeName(info.readUInt32LE(0)));
    const valueSize = perCpu ? Math.ceil(info.readUInt32LE(12) / 8) * 8 * possibleCpus() : info.readUInt32LE(12);
    using arena = new Arena();
    const key = arena.allocate(Math.max(keySize, 1));
    const next = arena.allocate(Math.max(keySize, 1));
    const value = arena.allocate(Math.max(valueSize, 1));
    const entries: { key: Uint8Array; value: Uint8Array }[] = [];
    // Where the key before was deleted meanwhile, the kernel begins again (kernel/bpf/hashtab.c, htab_map_get_next_key).
    const seen = new Set<string>();
    let previous = 0n;
    for (let walks = 0; entries.length < limit && walks < 4 * limit + 64; walks++) {
      const walked = mapCall(bpf, COMMAND.mapNextKey, fd, previous, next.address);
      if (walked < 0) {
        if (errnoName(walked) === 'ENOENT') break;
        throw callError('ERR_KERNEL_CALL', `reading the entries of ${path}`, walked);
      }
      next.bytes.copy(key.bytes);
      previous = key.address;
      const name = next.bytes.toString('latin1');
      if (seen.has(name)) continue;
      // An entry may be deleted between the two calls.
      if (mapCall(bpf, COMMAND.mapLookup, fd, key.address, value.address) < 0) continue;
      seen.add(name);
      entries.push({
        key: Uint8Array.from(key.bytes.subarray(0, keySize)),
        value: Uint8Array.from(value.bytes.subarray(0, valueSize)),
      });
    }
    return entries;
  });
}

function mapCall(bpf: Bpf, command: number, fd: number, key: bigint, value: bigint): number {
  return bpf.call(command, (attr) => {
    attr.writeUInt32LE(fd, 0);
    attr.writeBigUInt64LE(key, 8);
    attr.writeBigUInt64LE(value, 16);
  });
}

/** How many CPUs the kernel keeps values for: the last one in `0-3`, and one more. */
export function possibleCpus(): number {
  const text = readFileSync('/sys/devices/system/cpu/possible', 'utf8').trim();
  return Number(/(\d+)$/.exec(text)?.[1] ?? 0) + 1;
}

function cString(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.subarray(0, end < 0 ? bytes.length : end).toString('utf8');
}
