import type { ClockOffsets } from '@bpfship/bpf-object';

/** Events as they came out of a buffer in one go, not decoded and not copied one by one. */
export interface EventBlock {
  /** What lay in the buffer, headers between the events included. */
  bytes: ArrayBuffer;
  /** For each event two numbers: offset in `bytes`, and length. */
  places: Uint32Array<ArrayBuffer>;
  /** Events that the kernel says were lost before these (perf event arrays only: a ring buffer does not count). */
  lost: number;
  /** Bytes that were left in the buffer: more than one block holds, or not committed yet. */
  backlog: number;
  /**
   * Whether the buffer held so much that an event as large as the largest so far would not have fitted: some may have been lost, and a ring
   * buffer does not count them. Where it is false, none was lost since the block before: only the reader makes room.
   */
  full: boolean;
  /** To tell the time of day of what the kernel's clocks said. */
  clocks: ClockOffsets;
}

/** What is taken out of a buffer: a block without the time. */
export type TakenBlock = Omit<EventBlock, 'clocks'>;

/** What a buffer is. */
export interface BufferFacts {
  kind: 'ringbuf' | 'perf_event_array';
  /** The map's id in the kernel. */
  mapId: number;
  /** Bytes that fit into it; for perf event arrays into that of each CPU. */
  size: number;
}

/** An open buffer. */
export interface EventBuffer extends Disposable {
  readonly facts: BufferFacts;
  /** Readable when there is something. */
  readonly fds: readonly number[];
  /** Takes what is there, as far as one block holds it; undefined where there is nothing. */
  take(): TakenBlock | undefined;
}

/** Bytes that one block holds at most, where a single event is not larger. */
export const MAX_BLOCK_BYTES: number = 1024 * 1024;

/** Number of events in a block. */
export function eventCount({ places }: Pick<EventBlock, 'places'>): number {
  return places.length / 2;
}
