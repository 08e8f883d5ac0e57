import { KernelError } from './kernel-error.ts';
import type { Bpf } from './native/bpf.ts';
import { callError } from './native/errno.ts';
import type { Pointer } from './native/library.ts';
import { mapTypeNumber } from './native/map-types.ts';

/** Bits of the flags that say how a descriptor is used, not what the map is (BPF_F_RDONLY, BPF_F_WRONLY). */
const DESCRIPTOR_FLAGS: number = (1 << 3) | (1 << 4);

/**
 * Makes an object that is not loaded yet use a pinned map in the place of its own.
 *
 * @throws {KernelError} `ERR_KERNEL_MAP_INCOMPATIBLE` where the pinned map is another one than the object wants (as libbpf's
 * map_is_reuse_compat), `ERR_KERNEL_NOT_FOUND` where the pin is gone.
 */
export function reuseMap(bpf: Bpf, map: Pointer, name: string, pin: string): void {
  bpf.withPinned(pin, (fd) => {
    const difference = differenceOf(bpf, map, fd);
    if (difference !== undefined) {
      throw new KernelError('ERR_KERNEL_MAP_INCOMPATIBLE', `map "${name}" has another ${difference}`);
    }
    const result = bpf.native.mapReuseFd(map, fd);
    if (result < 0) throw callError('ERR_KERNEL_CALL', `reusing map "${name}"`, result);
  });
}

function differenceOf(bpf: Bpf, map: Pointer, fd: number): string | undefined {
  const { native } = bpf;
  const there = bpf.info(fd);
  const type = native.mapType(map);
  const pairs: [string, number, number][] = [
    ['type', there.readUInt32LE(0), type],
    ['key size', there.readUInt32LE(8), native.mapKeySize(map)],
    ['value size', there.readUInt32LE(12), native.mapValueSize(map)],
    ['maximum of entries', there.readUInt32LE(16), maxEntries(type, native.mapMaxEntries(map), there.readUInt32LE(16))],
    ['flags', there.readUInt32LE(20) & ~DESCRIPTOR_FLAGS, native.mapFlags(map) & ~DESCRIPTOR_FLAGS],
  ];
  for (const [what, kernel, object] of pairs) {
    if (kernel !== object) return `${what}: ${kernel} in the kernel, ${object} in the new version`;
  }
  return undefined;
}

/** What libbpf will make of a map's size: 0 is the number of CPUs, and a ring buffer is rounded up to a power of two of pages. */
function maxEntries(type: number, wanted: number, there: number): number {
  if (wanted === 0) return there;
  const ring = type === mapTypeNumber('ringbuf') || type === mapTypeNumber('user_ringbuf');
  return ring && wanted < there && there < wanted * 2 ? there : wanted;
}
