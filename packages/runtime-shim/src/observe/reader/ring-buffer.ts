import type { Bpf } from '../../kernel/native/bpf.ts';
import { type TakenBlock, type EventBuffer, MAX_BLOCK_BYTES } from './event-block.ts';
import { Places } from './places.ts';
import type { SystemCalls } from './system-calls.ts';

/** A record's header (include/uapi/linux/bpf.h): 4 bytes with the data's length and two bits, 4 bytes that only the kernel needs. */
const HEADER_SIZE = 8;
/** Its producer has not committed it yet: the sign of the length as a signed number. */
const DISCARDED = 0x4000_0000;
const LENGTH_MASK = 0x3fff_ffff;

/**
 * A ring buffer, read where it lies (kernel/bpf/ringbuf.c, ringbuf_map_mmap_kern): a page with the consumer's position, which we write; a
 * page with the producers' position; and the data, which follows twice, so that no record is torn at the end.
 *
 * @param fd - of the map; it stays the caller's.
 * @throws {KernelError}.
 */
export function openRingBuffer(bpf: Bpf, calls: SystemCalls, fd: number): EventBuffer {
  const info = bpf.info(fd);
  const size = info.readUInt32LE(16);
  const { pageSize } = calls;
  const writable = calls.map(fd, { length: pageSize, offset: 0, writable: true });
  const readable = calls.map(fd, { length: pageSize + 2 * size, offset: pageSize, writable: false });
  const ring = new Ring(writable.memory, readable.memory, { size, pageSize });
  return {
    facts: { kind: 'ringbuf', mapId: info.readUInt32LE(4), size },
    fds: [fd],
    take: () => ring.take(),
    [Symbol.dispose]() {
      writable[Symbol.dispose]();
      readable[Symbol.dispose]();
    },
  };
}

class Ring {
  /** Positions count bytes since the buffer was made, and never go back. */
  readonly #consumed: BigUint64Array;
  readonly #produced: BigUint64Array;
  readonly #memory: ArrayBuffer;
  readonly #dataAt: number;
  readonly #lengths: Int32Array;
  readonly #size: number;
  readonly #places = new Places();
  /** Bytes of the largest record so far, with its header. */
  #largest = 0;
  /** What nobody read before is not this reader's loss. */
  #begun = false;

  constructor(writable: ArrayBuffer, readable: ArrayBuffer, { size, pageSize }: { size: number; pageSize: number }) {
    this.#consumed = new BigUint64Array(writable, 0, 1);
    this.#produced = new BigUint64Array(readable, 0, 1);
    this.#memory = readable;
    this.#dataAt = pageSize;
    this.#lengths = new Int32Array(readable, pageSize);
    this.#size = size;
  }

  /** One copy takes all records; what the programs discarded is passed over. */
  take(): TakenBlock | undefined {
    const consumed = Atomics.load(this.#consumed, 0);
    const backlog = Number(Atomics.load(this.#produced, 0) - consumed);
    if (backlog === 0) {
      this.#begun = true;
      return undefined;
    }
    const first = Number(consumed & BigInt(this.#size - 1));
    const places = this.#places.restart();
    let at = 0;
    while (at < backlog && at < MAX_BLOCK_BYTES) {
      // The kernel publishes the length last; the atomic load keeps what follows behind it.
      const length = Atomics.load(this.#lengths, (first + at) >> 2);
      if (length < 0) break;
      const bytes = length & LENGTH_MASK;
      if ((length & DISCARDED) === 0) places.add(at + HEADER_SIZE, bytes);
      const record = (bytes + HEADER_SIZE + 7) & ~7;
      if (record > this.#largest) this.#largest = record;
      at += record;
    }
    if (at === 0) return undefined;
    const start = this.#dataAt + first;
    // Without an event in it, the copy is not needed, but the position must go on.
    const bytes = places.isEmpty ? new ArrayBuffer(0) : this.#memory.slice(start, start + at);
    Atomics.store(this.#consumed, 0, consumed + BigInt(at));
    // What found no room did so before the position went on: by then the buffer held at least what it held then.
    const held = Number(Atomics.load(this.#produced, 0) - consumed);
    const full = this.#begun && held + this.#largest >= this.#size;
    this.#begun = true;
    return { bytes, places: places.copy(), lost: 0, backlog: backlog - at, full };
  }
}
