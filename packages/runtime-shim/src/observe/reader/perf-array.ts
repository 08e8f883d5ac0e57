import type { Bpf } from '../../kernel/native/bpf.ts';
import { callError } from '../../kernel/native/errno.ts';
import type { TakenBlock, EventBuffer } from './event-block.ts';
import { Places } from './places.ts';
import type { PerfBuffers } from './perf-buffers.ts';
import koffi from 'koffi';

/** Pages of each CPU's buffer. */
const PERF_PAGES = 64;
/** Offsets in `struct perf_event_mmap_page` (include/uapi/linux/perf_event.h), in units of 8 bytes. */
const HEAD = 1024 / 8;
const TAIL = HEAD + 1;
/** `struct perf_event_header`: u32 type, u16 misc, u16 size. */
const HEADER_SIZE = 8;
const RECORD_LOST = 2;
const RECORD_SAMPLE = 9;

/**
 * A perf event array: a ring for each CPU, which libbpf opens and we read where it lies.
 *
 * @param fd - of the map; it stays the caller's, and must be open as long as the buffer: when it is closed, the kernel takes out of the
 *   array what was put in through it (kernel/bpf/arraymap.c, perf_event_fd_array_release).
 * @throws {KernelError}.
 */
export function openPerfArray(bpf: Bpf, buffers: PerfBuffers, fd: number, pageSize: number): EventBuffer {
  const info = bpf.info(fd);
  const opened = buffers.open(fd, PERF_PAGES);
  if (!opened) throw callError('ERR_KERNEL_CALL', 'opening a perf event array', koffi.errno());
  const rings = opened.rings.map(({ address, size }) => new PerfRing(koffi.view(address, pageSize + size), pageSize));
  let next = 0;
  return {
    facts: { kind: 'perf_event_array', mapId: info.readUInt32LE(4), size: PERF_PAGES * pageSize },
    fds: opened.fds,
    take() {
      // A flood on one CPU must not keep the others waiting.
      for (let tried = 0; tried < rings.length; tried++) {
        const block = rings[next]?.take();
        next = (next + 1) % rings.length;
        if (block) return block;
      }
      return undefined;
    },
    [Symbol.dispose]: () => opened.close(),
  };
}

class PerfRing {
  readonly #positions: BigUint64Array;
  readonly #data: Uint8Array;
  readonly #places = new Places();

  constructor(memory: ArrayBuffer, pageSize: number) {
    this.#positions = new BigUint64Array(memory, 0, pageSize / 8);
    this.#data = new Uint8Array(memory, pageSize);
  }

  take(): TakenBlock | undefined {
    const tail = Atomics.load(this.#positions, TAIL);
    const head = Atomics.load(this.#positions, HEAD);
    const available = Number(head - tail);
    if (available === 0) return undefined;
    const bytes = this.#copy(Number(tail % BigInt(this.#data.length)), available);
    Atomics.store(this.#positions, TAIL, head);
    // It counts what it loses.
    return { ...this.#split(bytes), backlog: 0, full: false };
  }

  /** A record may be torn at the end of the ring. */
  #copy(from: number, length: number): Uint8Array<ArrayBuffer> {
    const copy = new Uint8Array(length);
    const first = Math.min(length, this.#data.length - from);
    copy.set(this.#data.subarray(from, from + first));
    if (first < length) copy.set(this.#data.subarray(0, length - first), first);
    return copy;
  }

  #split({ buffer }: Uint8Array<ArrayBuffer>): Pick<TakenBlock, 'bytes' | 'places' | 'lost'> {
    const places = this.#places.restart();
    const view = new DataView(buffer);
    let lost = 0;
    for (let at = 0; at + HEADER_SIZE <= view.byteLength;) {
      const type = view.getUint32(at, LITTLE_ENDIAN);
      const size = view.getUint16(at + 6, LITTLE_ENDIAN);
      if (size < HEADER_SIZE || at + size > view.byteLength) break;
      // A sample has its length before it; a loss the event's id (u64), then the number.
      if (type === RECORD_SAMPLE) places.add(at + HEADER_SIZE + 4, view.getUint32(at + HEADER_SIZE, LITTLE_ENDIAN));
      if (type === RECORD_LOST) lost += Number(view.getBigUint64(at + HEADER_SIZE + 8, LITTLE_ENDIAN));
      at += size;
    }
    return { bytes: buffer, places: places.copy(), lost };
  }
}

const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
