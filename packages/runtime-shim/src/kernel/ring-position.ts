import { openSystemCalls, type SystemCalls } from '../observe/reader/system-calls.ts';
import type { RingPosition } from './kernel.ts';
import type { Bpf } from './native/bpf.ts';
import { mapTypeName } from './native/map-types.ts';

let calls: SystemCalls | undefined;

/**
 * How far a pinned ring buffer has come, without taking anything out of it (kernel/bpf/ringbuf.c: a page with the consumer's position, then one
 * with the producers'); `undefined` for any other map, and where there is no such pin.
 */
export function ringPosition(bpf: Bpf, pin: string): RingPosition | undefined {
  const fd = bpf.open(pin);
  if (fd < 0) return undefined;
  try {
    const info = bpf.info(fd);
    if (mapTypeName(info.readUInt32LE(0)) !== 'ringbuf') return undefined;
    calls ??= openSystemCalls();
    const { pageSize } = calls;
    using pages = calls.map(fd, { length: 2 * pageSize, offset: 0, writable: false });
    const [consumed, produced] = [0, pageSize].map((at) => Atomics.load(new BigUint64Array(pages.memory, at, 1), 0));
    return { consumed: consumed ?? 0n, produced: produced ?? 0n, size: info.readUInt32LE(16) };
  } finally {
    bpf.native.close(fd);
  }
}
