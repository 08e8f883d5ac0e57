import { eventCount } from '../reader/event-block.ts';
import type { EventFeed, FeedBlock, StreamFacts } from './event-feed.ts';
import { EventSubscription, type SubscribeOptions } from './event-subscription.ts';

/** What has come of a stream since the hub was opened. */
export interface StreamStatistics {
  stream: string;
  events: number;
  /** Of the events alone. */
  bytes: number;
  /** Events that the kernel reported lost. A ring buffer does not count: there, the service itself must. */
  lost: number;
  /** Bytes that waited in the buffer at the last look, of `size`: near it, events are being lost or soon will be. */
  backlog: number;
  size: number;
}

/**
 * One reader's events for any number of subscribers. Each has a queue of its own, which is bounded: who is slow loses events, is told how
 * many, and keeps nobody else waiting. The buffers in the kernel are always read on.
 */
export class EventHub implements AsyncDisposable {
  readonly streams: readonly StreamFacts[];
  readonly #feed: EventFeed;
  readonly #subscriptions = new Set<EventSubscription>();
  readonly #statistics: Map<string, StreamStatistics>;
  #ended: { error?: Error } | undefined;

  /** Begins to read at once. The feed is the hub's from now on. */
  constructor(feed: EventFeed) {
    this.#feed = feed;
    this.streams = feed.streams;
    this.#statistics = new Map(
      feed.streams.map(({ name, buffer }) => [
        name,
        { stream: name, events: 0, bytes: 0, lost: 0, backlog: 0, size: buffer.size },
      ]),
    );
    feed.start({ onBlock: (block) => this.#distribute(block), onEnd: (error) => this.#end(error) });
  }

  /** Number of subscribers. */
  get subscribers(): number {
    return this.#subscriptions.size;
  }

  /** Events from now on. Ends with its signal, by `return`, or with the hub. */
  subscribe(options: SubscribeOptions = {}): EventSubscription {
    const subscription = new EventSubscription(options, () => this.#subscriptions.delete(subscription));
    if (this.#ended) subscription.end(this.#ended.error);
    else this.#subscriptions.add(subscription);
    return subscription;
  }

  /** What has come of each stream. */
  statistics(): StreamStatistics[] {
    return [...this.#statistics.values()].map((each) => ({ ...each }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#feed[Symbol.asyncDispose]();
    this.#end();
  }

  #distribute(block: FeedBlock): void {
    const statistics = this.#statistics.get(block.stream);
    if (statistics) {
      statistics.events += eventCount(block);
      for (let i = 1; i < block.places.length; i += 2) statistics.bytes += block.places[i] ?? 0;
      statistics.lost += block.lost;
      statistics.backlog = block.backlog;
    }
    for (const subscription of this.#subscriptions) subscription.offer(block);
  }

  #end(error?: Error): void {
    if (this.#ended) return;
    this.#ended = error === undefined ? {} : { error };
    for (const subscription of this.#subscriptions) subscription.end(error);
    this.#subscriptions.clear();
  }
}
