import type { EventDecoder } from '@bpfship/bpf-object';
import type { BufferFacts, EventBlock } from '../reader/event-block.ts';

/** A stream of events: what it is called, and what carries it. */
export interface StreamFacts {
  /** Name of its map. */
  name: string;
  /** Name of the struct of one event. */
  type: string;
  description?: string;
  buffer: BufferFacts;
}

/** Events of one stream, with what they are decoded by. */
export interface FeedBlock extends EventBlock {
  stream: string;
  decoder: EventDecoder;
}

/** Hears what a feed has. */
export interface FeedListener {
  onBlock(block: FeedBlock): void;
  /** Events that were lost on the way to this process, which was too slow for them. */
  onLoss(stream: string, events: number): void;
  /** The feed has ended; no error where somebody ended it. */
  onEnd(error?: Error): void;
}

/** Where the events of a service come from: its buffers, or another process that reads them. */
export interface EventFeed extends AsyncDisposable {
  readonly streams: readonly StreamFacts[];
  /** Begins. Once. */
  start(listener: FeedListener): void;
}
