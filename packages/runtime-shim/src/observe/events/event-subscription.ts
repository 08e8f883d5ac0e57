import { eventCount } from '../reader/event-block.ts';
import { type BatchContent, EventBatch } from './event-batch.ts';
import type { FeedBlock } from './event-feed.ts';
import type { ServiceEvent } from './service-event.ts';

/** Events that wait for a slow subscriber at most, by default. */
const DEFAULT_MAX_EVENTS = 100_000;
/** Bytes that wait for it. */
const DEFAULT_MAX_BYTES: number = 32 * 1024 * 1024;

/** Options of a subscription. */
export interface SubscribeOptions {
  /** Only these streams. Default: all. */
  streams?: readonly string[];
  /** Events that wait at most. Default 100,000. */
  maxEvents?: number;
  /** Bytes that wait at most. Default 32 MiB. */
  maxBytes?: number;
  signal?: AbortSignal;
}

/** Events for one subscriber, in order. Iterated as batches, which decode nothing that is not asked for; or one by one. */
export class EventSubscription implements AsyncIterableIterator<EventBatch> {
  readonly #streams: ReadonlySet<string> | undefined;
  readonly #maxEvents: number;
  readonly #maxBytes: number;
  readonly #signal: AbortSignal | undefined;
  readonly #leave: (ended: EventSubscription) => void;
  readonly #onAbort = (): void => this.end();
  readonly #queue: BatchContent[] = [];
  #events = 0;
  #bytes = 0;
  #lost = 0;
  #ended = false;
  #error: Error | undefined;
  #wake: PromiseWithResolvers<void> | undefined;

  /** @param leave - hears when it ends. */
  constructor(options: SubscribeOptions, leave: (ended: EventSubscription) => void) {
    this.#streams = options.streams === undefined ? undefined : new Set(options.streams);
    this.#maxEvents = options.maxEvents ?? DEFAULT_MAX_EVENTS;
    this.#maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES;
    this.#signal = options.signal;
    this.#leave = leave;
    if (this.#signal?.aborted) this.end();
    else this.#signal?.addEventListener('abort', this.#onAbort);
  }

  /** Whether nothing more will come in. */
  get hasEnded(): boolean {
    return this.#ended;
  }

  /** Events that this subscriber lost by being slow, in all. */
  get lost(): number {
    return this.#lost;
  }

  /** The hub's way in. A block is taken whole or not at all. */
  offer(block: FeedBlock): void {
    if (this.#ended || (this.#streams && !this.#streams.has(block.stream))) return;
    const events = eventCount(block);
    const isFull =
      this.#queue.length > 0 &&
      (this.#events + events > this.#maxEvents || this.#bytes + block.bytes.byteLength > this.#maxBytes);
    if (isFull) {
      this.#lose(block.stream, events + block.lost);
      return;
    }
    this.#queue.push({ block });
    this.#events += events;
    this.#bytes += block.bytes.byteLength;
    this.#wake?.resolve();
  }

  /** Tells a loss that happened before the events came here. */
  offerLoss(stream: string, events: number): void {
    if (this.#ended || (this.#streams && !this.#streams.has(stream))) return;
    this.#lose(stream, events);
    this.#wake?.resolve();
  }

  /** Nothing more will come; what waits is still given, then the error. */
  end(error?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#leave(this);
    this.#wake?.resolve();
  }

  /** A loss waits in the queue too, between what came before and after it. */
  #lose(stream: string, events: number): void {
    this.#lost += events;
    const last = this.#queue.at(-1);
    if (last && 'lostBySubscriber' in last && last.stream === stream) last.lostBySubscriber += events;
    else this.#queue.push({ stream, lostBySubscriber: events });
  }

  /** The next batch. */
  async next(): Promise<IteratorResult<EventBatch, undefined>> {
    for (;;) {
      const content = this.#queue.shift();
      if (content) {
        if ('block' in content) {
          this.#events -= eventCount(content.block);
          this.#bytes -= content.block.bytes.byteLength;
        }
        return { done: false, value: new EventBatch(content) };
      }
      if (this.#ended) {
        if (this.#error) throw this.#error;
        return { done: true, value: undefined };
      }
      this.#wake = Promise.withResolvers();
      await this.#wake.promise;
      this.#wake = undefined;
    }
  }

  async return(): Promise<IteratorResult<EventBatch, undefined>> {
    this.#queue.length = 0;
    this.end();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The same, one by one. */
  async *events(): AsyncGenerator<ServiceEvent, void> {
    for await (const batch of this) yield* batch;
  }
}
