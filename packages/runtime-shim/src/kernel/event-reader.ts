import koffi from 'koffi';
import { KernelError } from './kernel-error.ts';
import type { Bpf } from './native/bpf.ts';
import { mapTypeName } from './native/map-types.ts';
import { callError } from './native/errno.ts';
import type { Native, Pointer } from './native/library.ts';

/** Events that one look at a buffer takes at most, so that a flood cannot keep the worker busy for ever. */
const MAX_BATCH = 8192;
/** Pages of each CPU's buffer in a perf event array. */
const PERF_PAGES = 64;
/** What the ring buffer's callback returns to end the look: libbpf passes it on. */
const STOP = -4;

const RING_SAMPLE = koffi.proto('int bpfship_ring_sample(void *ctx, void *data, size_t size)');
const PERF_SAMPLE = koffi.proto('void bpfship_perf_sample(void *ctx, int cpu, void *data, uint32_t size)');
const PERF_LOST = koffi.proto('void bpfship_perf_lost(void *ctx, int cpu, uint64_t count)');

/** Reads what is in a buffer now. */
export interface EventReader {
  /** Events in the order in which they were written, and how many the kernel says were lost. */
  read(): { events: Uint8Array[]; lost: number };
  close(): void;
}

/** Opens a pinned ring buffer or perf event array for reading. @throws {KernelError}. */
export function openEventReader(bpf: Bpf, path: string): EventReader {
  const fd = bpf.open(path);
  if (fd < 0) throw callError('ERR_KERNEL_NOT_FOUND', `opening ${path}`, fd);
  try {
    const reader = openBuffer(bpf, fd, path);
    return {
      read: () => reader.read(),
      close() {
        reader.close();
        bpf.native.close(fd);
      },
    };
  } catch (error) {
    bpf.native.close(fd);
    throw error;
  }
}

/**
 * The descriptor must stay open as long as the reader: when it is closed, the kernel takes out of a perf event array what was put in
 * through it (kernel/bpf/arraymap.c, perf_event_fd_array_release).
 */
function openBuffer(bpf: Bpf, fd: number, path: string): EventReader {
  const type = mapTypeName(bpf.info(fd).readUInt32LE(0));
  if (type === 'ringbuf') return openRingBuffer(bpf.native, fd, path);
  if (type === 'perf_event_array') return openPerfBuffer(bpf.native, fd, path);
  throw new KernelError('ERR_KERNEL_CALL', `${path} is a ${type}, which carries no events`);
}

function openRingBuffer(native: Native, fd: number, path: string): EventReader {
  let events: Uint8Array[] = [];
  const callback = koffi.register((_context: unknown, data: bigint, size: number | bigint) => {
    events.push(koffi.decode(data, 'uint8_t', Number(size)) as Uint8Array);
    return events.length >= MAX_BATCH ? STOP : 0;
  }, koffi.pointer(RING_SAMPLE));
  const buffer: Pointer = native.ringBufferNew(fd, callback, null, null);
  if (!buffer) {
    koffi.unregister(callback);
    throw callError('ERR_KERNEL_CALL', `opening the ring buffer ${path}`, native.errno());
  }
  return {
    read() {
      events = [];
      const result = native.ringBufferConsume(buffer);
      if (result < 0 && result !== STOP) throw callError('ERR_KERNEL_CALL', `reading the ring buffer ${path}`, result);
      return { events, lost: 0 };
    },
    close() {
      native.ringBufferFree(buffer);
      koffi.unregister(callback);
    },
  };
}

function openPerfBuffer(native: Native, fd: number, path: string): EventReader {
  let events: Uint8Array[] = [];
  let lost = 0;
  const sample = koffi.register((_context: unknown, _cpu: number, data: bigint, size: number) => {
    events.push(koffi.decode(data, 'uint8_t', size) as Uint8Array);
  }, koffi.pointer(PERF_SAMPLE));
  const onLost = koffi.register((_context: unknown, _cpu: number, count: number | bigint) => {
    lost += Number(count);
  }, koffi.pointer(PERF_LOST));
  const buffer = native.perfBufferNew(fd, PERF_PAGES, sample, onLost, null, null);
  if (!buffer) {
    koffi.unregister(sample);
    koffi.unregister(onLost);
    throw callError('ERR_KERNEL_CALL', `opening the perf event array ${path}`, native.errno());
  }
  return {
    read() {
      events = [];
      lost = 0;
      const result = native.perfBufferConsume(buffer);
      if (result < 0) throw callError('ERR_KERNEL_CALL', `reading the perf event array ${path}`, result);
      return { events, lost };
    },
    close() {
      native.perfBufferFree(buffer);
      koffi.unregister(sample);
      koffi.unregister(onLost);
    },
  };
}
