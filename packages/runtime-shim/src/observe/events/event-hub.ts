import { eventCount } from '../reader/event-block.ts';
import type { EventFeed, FeedBlock, StreamFacts } from './event-feed.ts';
import { EventSubscription, type SubscribeOptions } from './event-subscription.ts';

/** What has come of a stream since the hub was opened. */
export interface StreamStatistics {
  stream: string;
  events: number;
  /** Of the events alone. */
  bytes: number;
  /** Events that the kernel reported lost, or that this process was too slow for. A ring buffer does not count: there, the service itself must. */
  lost: number;
  /** Times that a ring buffer was found full, so that some may have been lost that nobody counts (`EventBlock.full`). */
  full: number;
  /** Bytes that waited in the buffer at the last look, of `size`: near it, events are being lost or soon will be. */
  backlog: number;
  size: number;
}

type Counters = Omit<StreamStatistics, 'stream' | 'size'>;

/**
 * One reader's events for any number of subscribers. Each has a queue of its own, which is bounded: who is slow loses events, is told how
 * many, and keeps nobody else waiting. The buffers in the kernel are always read on.
 */
export class EventHub implements AsyncDisposable {
  readonly #feed: EventFeed;
  readonly #subscriptions = new Set<EventSubscription>();
  readonly #statistics = new Map<string, Counters>();
  #ended: { error?: Error } | undefined;

  /** Begins to read at once. The feed is the hub's from now on. */
  constructor(feed: EventFeed) {
    this.#feed = feed;
    feed.start({
      onBlock: (block) => this.#distribute(block),
      onLoss: (stream, events) => this.#tellLoss(stream, events),
      onEnd: (error) => this.#end(error),
    });
  }

  /** After an upgrade they may be others. */
  get streams(): readonly StreamFacts[] {
    return this.#feed.streams;
  }

  /** Whether nothing more will come. */
  get hasEnded(): boolean {
    return this.#ended !== undefined;
  }

  /** Number of subscribers. */
  get subscribers(): number {
    return this.#subscriptions.size;
  }

  /** Events from now on. Ends with its signal, by `return`, or with the hub. */
  subscribe(options: SubscribeOptions = {}): EventSubscription {
    const subscription = new EventSubscription(options, (ended) => this.#subscriptions.delete(ended));
    if (this.#ended) subscription.end(this.#ended.error);
    else if (!subscription.hasEnded) this.#subscriptions.add(subscription);
    return subscription;
  }

  /** What has come of each stream. */
  statistics(): StreamStatistics[] {
    return this.streams.map(({ name, buffer }) => ({ stream: name, ...this.#countersOf(name), size: buffer.size }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#feed[Symbol.asyncDispose]();
    this.#end();
  }

  #distribute(block: FeedBlock): void {
    const counters = this.#countersOf(block.stream);
    counters.events += eventCount(block);
    for (let i = 1; i < block.places.length; i += 2) counters.bytes += block.places[i] ?? 0;
    counters.lost += block.lost;
    counters.backlog = block.backlog;
    if (block.full) counters.full += 1;
    for (const subscription of this.#subscriptions) subscription.offer(block);
  }

  #tellLoss(stream: string, events: number): void {
    this.#countersOf(stream).lost += events;
    for (const subscription of this.#subscriptions) subscription.offerLoss(stream, events);
  }

  #countersOf(stream: string): Counters {
    let counters = this.#statistics.get(stream);
    if (!counters) this.#statistics.set(stream, (counters = { events: 0, bytes: 0, lost: 0, full: 0, backlog: 0 }));
    return counters;
  }

  #end(error?: Error): void {
    if (this.#ended) return;
    this.#ended = error === undefined ? {} : { error };
    for (const subscription of this.#subscriptions) subscription.end(error);
    this.#subscriptions.clear();
  }
}
