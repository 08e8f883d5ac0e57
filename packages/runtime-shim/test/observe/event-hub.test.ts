import { BtfBuilder, createDecoder, parseBtf } from '@bpfship/bpf-object';
import { describe, expect, it } from 'vitest';
import type { EventFeed, FeedListener } from '../../src/observe/events/event-feed.ts';
import { EventHub } from '../../src/observe/events/event-hub.ts';
import type { ServiceEvent } from '../../src/observe/events/service-event.ts';

const builder = new BtfBuilder();
const u32 = builder.addInt('unsigned int', { size: 4 });
builder.addStruct('event', 4, [{ name: 'number', type: u32, bitOffset: 0 }]);
const decoder = createDecoder(parseBtf(builder.bytes()), 'event');

/** A feed that gives what the test says. */
class TestFeed implements EventFeed {
  readonly streams = [{ name: 'events', type: 'event', buffer: { kind: 'ringbuf' as const, mapId: 1, size: 4096 } }];
  listener!: FeedListener;
  closed = false;

  start(listener: FeedListener): void {
    this.listener = listener;
  }

  /** Events with these numbers, in one block. */
  send(numbers: readonly number[], lost = 0): void {
    this.listener.onBlock({
      stream: 'events',
      decoder,
      bytes: Uint32Array.from(numbers).buffer,
      places: Uint32Array.from(numbers.flatMap((_, i) => [i * 4, 4])),
      lost,
      backlog: 0,
      full: false,
      clocks: { monotonic: 0n, boottime: 0n },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closed = true;
  }
}

async function collect(events: AsyncIterable<ServiceEvent>): Promise<ServiceEvent[]> {
  const all: ServiceEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

const numbered = (number: number): ServiceEvent => ({ stream: 'events', event: { number }, lost: 0 });

describe('a hub', () => {
  it('gives every subscriber all events from then on, in order', async () => {
    const feed = new TestFeed();
    const hub = new EventHub(feed);
    const first = hub.subscribe();
    feed.send([1, 2]);
    const second = hub.subscribe();
    feed.send([3]);
    expect(hub.subscribers).toBe(2);
    await hub[Symbol.asyncDispose]();
    expect(await collect(first.events())).toEqual([1, 2, 3].map(numbered));
    expect(await collect(second.events())).toEqual([numbered(3)]);
    expect(hub.subscribers).toBe(0);
    expect(feed.closed).toBe(true);
  });

  it('tells a slow subscriber what it lost, where it lost it, and nobody else suffers', async () => {
    const feed = new TestFeed();
    const hub = new EventHub(feed);
    const slow = hub.subscribe({ maxEvents: 3 });
    const quick = hub.subscribe();
    for (const numbers of [[1, 2], [3, 4], [5, 6], [7]]) feed.send(numbers);
    await hub[Symbol.asyncDispose]();
    expect(slow.lost).toBe(4);
    expect(await collect(slow.events())).toEqual([
      ...[1, 2].map(numbered),
      { stream: 'events', lost: 4, lostBy: 'subscriber' },
      numbered(7),
    ]);
    expect(await collect(quick.events())).toEqual([1, 2, 3, 4, 5, 6, 7].map(numbered));
  });

  it('tells what the kernel lost before the events that came after, and counts', async () => {
    const feed = new TestFeed();
    const hub = new EventHub(feed);
    const subscription = hub.subscribe();
    feed.send([1]);
    feed.send([2], 5);
    await hub[Symbol.asyncDispose]();
    expect(await collect(subscription.events())).toEqual([
      numbered(1),
      { stream: 'events', lost: 5, lostBy: 'kernel' },
      numbered(2),
    ]);
    expect(hub.statistics()).toEqual([
      { stream: 'events', events: 2, bytes: 8, lost: 5, full: 0, backlog: 0, size: 4096 },
    ]);
  });

  it('shows an event that does not fit its type, and goes on', async () => {
    const feed = new TestFeed();
    const hub = new EventHub(feed);
    const subscription = hub.subscribe();
    feed.listener.onBlock({
      stream: 'events',
      decoder,
      bytes: Uint8Array.of(9, 9, 7, 0, 0, 0).buffer,
      places: Uint32Array.of(0, 2, 2, 4),
      lost: 0,
      backlog: 0,
      full: false,
      clocks: { monotonic: 0n, boottime: 0n },
    });
    await hub[Symbol.asyncDispose]();
    expect(await collect(subscription.events())).toEqual([
      {
        stream: 'events',
        lost: 0,
        misfit: { reason: 'struct event needs 4 bytes, the event has 2', bytes: Uint8Array.of(9, 9) },
      },
      numbered(7),
    ]);
  });

  it('decodes a single field where no more is asked for', async () => {
    const feed = new TestFeed();
    const hub = new EventHub(feed);
    const subscription = hub.subscribe();
    feed.send([8, 9]);
    const { value: batch } = await subscription.next();
    expect([batch?.count, batch?.value(0, 0), batch?.value(1, 0)]).toEqual([2, 8, 9]);
    await hub[Symbol.asyncDispose]();
  });

  it('ends subscriptions with their signals, with return, and with the error of its feed', async () => {
    const feed = new TestFeed();
    const hub = new EventHub(feed);
    const stop = new AbortController();
    const [aborted, returned, failed] = [hub.subscribe({ signal: stop.signal }), hub.subscribe(), hub.subscribe()];
    const waiting = aborted.next();
    stop.abort();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(await hub.subscribe({ signal: stop.signal }).next()).toEqual({ done: true, value: undefined });
    await returned.return();
    expect(hub.subscribers).toBe(1);
    feed.listener.onEnd(new Error('gone'));
    await expect(failed.next()).rejects.toThrow('gone');
    await expect(hub.subscribe().next()).rejects.toThrow('gone');
    await hub[Symbol.asyncDispose]();
  });
});
