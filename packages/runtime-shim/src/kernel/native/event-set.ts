import { Arena } from './arena.ts';
import { callError } from './errno.ts';
import type { Pointer } from './library.ts';
import type { OwnFunctions } from './own-functions.ts';

/** Offsets in `struct bpfship_record` and `struct bpfship_batch` (packages/runtime-shim/native/bpfship.h). */
const RECORD_HEADER = 16;
const BATCH_SIZE = 24;
const KIND_LOST = 1;
const NO_CPU = 0xff_ff;
/** Bytes of a block; grows where one record is larger. */
const BLOCK_SIZE = 1024 * 1024;
/** No record can be larger than its buffer; a buffer of this size is a mistake. */
const MAX_BLOCK_SIZE = 256 * 1024 * 1024;
/** Pages of each processor’s buffer in a perf event array. */
const DEFAULT_PAGES = 64;

/** How long a look may take. */
export interface EventWait {
  /** Milliseconds to wait for a first event; -1 for ever. */
  timeoutMs: number;
  /** Microseconds that go by after it for more to come, so that few looks take many events. Default 0. */
  gatherUs?: number;
  /** Microseconds that copying may take. Default 0: no bound but the block’s size. */
  budgetUs?: number;
}

/** Something that was in a buffer. */
export interface EventRecord {
  /** Number of the buffer, as it was added. */
  source: number;
  /** Events that the kernel could not write at this place; `data` is empty then. Else 0. */
  lost: number;
  /** Number of the processor’s buffer of a perf event array. */
  cpu: number | undefined;
  /** Good until the next look. */
  data: Uint8Array;
}

/** What one look found. */
export interface EventBlock {
  count: number;
  /** Sum over all records. */
  lost: number;
  /** Whether there is more that could be read at once. */
  more: boolean;
  /** The records as they are in memory, good until the next look; {@link readRecords} takes them apart. */
  bytes: Buffer;
}

/** Many event buffers with one waiter, in C: a look costs one call whatever the number of events. Needs bpfship’s own libbpf. */
export class EventSet implements Disposable {
  readonly #own: OwnFunctions;
  readonly #events: Pointer;
  readonly #memory = new Arena();
  readonly #batch: { address: bigint; bytes: Buffer };
  #block: { address: bigint; bytes: Buffer };
  #waiting: Promise<unknown> | undefined;

  /** @throws {KernelError} where descriptors are short. */
  constructor(own: OwnFunctions) {
    this.#own = own;
    const events: [Pointer] = [null];
    check(own.eventsOpen(events), 'opening a set of event buffers');
    [this.#events] = events;
    this.#batch = this.#memory.allocate(BATCH_SIZE);
    this.#block = this.#memory.allocate(BLOCK_SIZE);
  }

  /**
   * Adds a ring buffer or perf event array; the descriptor may be closed afterwards. While a look waits, too.
   *
   * @param pages - of each processor’s buffer of a perf event array; a power of two.
   * @throws {KernelError} `EINVAL` for other maps.
   */
  add(source: number, mapFd: number, pages: number = DEFAULT_PAGES): void {
    check(this.#own.eventsAdd(this.#events, source, mapFd, pages), `reading event buffer ${source}`);
  }

  /** A paused buffer is not read: it fills up, and the kernel or the program counts what is lost. */
  pause(source: number, paused: boolean): void {
    check(this.#own.eventsPause(this.#events, source, paused ? 1 : 0), `pausing event buffer ${source}`);
  }

  remove(source: number): void {
    check(this.#own.eventsRemove(this.#events, source), `closing event buffer ${source}`);
  }

  /** Waits in a thread of its own; one look at a time. @throws {KernelError}. */
  async next(wait: EventWait): Promise<EventBlock> {
    const { timeoutMs, gatherUs = 0, budgetUs = 0 } = wait;
    const { address, bytes } = this.#block;
    const looking = this.#own.eventsNext(
      this.#events,
      { address, size: bytes.length },
      { timeoutMs, gatherUs, budgetUs },
      this.#batch.address,
    );
    this.#waiting = looking;
    const result = await looking.finally(() => (this.#waiting = undefined));
    return this.#found(result) ?? (await this.next({ ...wait, timeoutMs: 0 }));
  }

  /** What is there now, without waiting. @throws {KernelError}. */
  take(budgetUs = 0): EventBlock {
    const { address, bytes } = this.#block;
    const result = this.#own.eventsTake(this.#events, { address, size: bytes.length }, budgetUs, this.#batch.address);
    return this.#found(result) ?? this.take(budgetUs);
  }

  /** Ends the wait under way, or the next one. */
  wake(): void {
    this.#own.eventsWake(this.#events);
  }

  /** Ends the wait under way, and gives everything back when it has ended. */
  async close(): Promise<void> {
    this.wake();
    await this.#waiting?.catch(() => {});
    this[Symbol.dispose]();
  }

  /** Only while nobody waits; otherwise {@link close}. */
  [Symbol.dispose](): void {
    this.#own.eventsClose(this.#events);
    this.#memory[Symbol.dispose]();
  }

  /** @returns `undefined` where one record was too large for the block, which is larger now. */
  #found(result: number): EventBlock | undefined {
    check(result, 'reading event buffers');
    const { bytes } = this.#batch;
    const needed = bytes.readUInt32LE(12);
    if (needed > this.#block.bytes.length && needed <= MAX_BLOCK_SIZE) {
      this.#block = this.#memory.allocate(needed);
      return undefined;
    }
    return {
      count: bytes.readUInt32LE(0),
      more: bytes.readUInt32LE(8) === 1,
      lost: Number(bytes.readBigUInt64LE(16)),
      bytes: this.#block.bytes.subarray(0, bytes.readUInt32LE(4)),
    };
  }
}

/** Takes a block apart. */
export function* readRecords({ bytes }: EventBlock): Generator<EventRecord> {
  for (let at = 0; at + RECORD_HEADER <= bytes.length;) {
    const length = bytes.readUInt32LE(at + 8);
    const cpu = bytes.readUInt16LE(at + 6);
    const begin = at + RECORD_HEADER;
    const isLost = bytes.readUInt16LE(at + 4) === KIND_LOST;
    yield {
      source: bytes.readUInt32LE(at),
      lost: isLost ? Number(bytes.readBigUInt64LE(begin)) : 0,
      cpu: cpu === NO_CPU ? undefined : cpu,
      data: bytes.subarray(begin, isLost ? begin : begin + length),
    };
    at = begin + Math.ceil(length / 8) * 8;
  }
}

function check(result: number, what: string): void {
  if (result < 0) throw callError('ERR_KERNEL_CALL', what, result);
}
