import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ServiceEvent } from '../../src/observe/events/service-event.ts';
import { execCounter } from '../support/compile-object.ts';
import { createSandbox, IS_ROOT } from '../support/sandbox.ts';
import { packServices } from '../support/test-service.ts';
import { waitFor } from '../support/wait-for.ts';

const SERVICE = 'test-service';

/** Gathers what comes, until the iterable ends. */
function gather(events: AsyncIterable<ServiceEvent>): { seen: ServiceEvent[]; done: Promise<void> } {
  const seen: ServiceEvent[] = [];
  const done = (async () => {
    for await (const event of events) seen.push(event);
  })();
  return { seen, done };
}

const numbersOf = (seen: readonly ServiceEvent[]): unknown[] => seen.map(({ event }) => event?.['number']);

async function execute(times: number): Promise<void> {
  for (let i = 0; i < times; i++) execFileSync('/bin/true');
}

describe.skipIf(!IS_ROOT)('events of an installed service', () => {
  it('go to every process that asks, from the one that reads; another takes its place', async () => {
    const sandbox = createSandbox();
    const packed = await packServices([{ version: '1.0.0', variants: { one: execCounter() } }]);
    const first = await sandbox.openNode();
    const second = await sandbox.openNode();
    await first.install(packed.unsigned('1.0.0'));
    const reading = await first.openEvents(SERVICE);
    const one = gather(reading.hub.subscribe().events());
    // The same hub within a process, the reader's socket from another one.
    const again = await first.openEvents(SERVICE);
    expect(again.hub).toBe(reading.hub);
    await again[Symbol.asyncDispose]();
    const receiving = await second.openEvents(SERVICE);
    const two = gather(receiving.hub.subscribe().events());
    expect(receiving.hub.streams).toEqual(reading.hub.streams);
    await execute(3);
    await waitFor(() => (one.seen.length >= 3 && two.seen.length >= 3) || undefined);
    await reading[Symbol.asyncDispose]();
    await one.done;
    await execute(3);
    const last = await waitFor(async () => {
      const [entry] = (await second.dumpMap(SERVICE, 'counts', 1)) ?? [];
      const count = Number(entry?.['value']);
      return two.seen.some(({ event }) => event?.['number'] === count - 1) ? count - 1 : undefined;
    });
    await receiving[Symbol.asyncDispose]();
    await two.done;
    // None lost, none twice, over the change of readers.
    const numbers = numbersOf(two.seen).map(Number);
    expect(numbers).toContain(last);
    expect(numbers).toEqual(Array.from(numbers, (_, i) => (numbers[0] ?? 0) + i));
    // They may have ended at different times, but what both saw is the same.
    expect(numbersOf(one.seen)).toEqual(expect.arrayContaining(numbers.slice(0, 3)));
    await first.uninstall({ service: SERVICE });
  });

  it('go on over an upgrade, by the types of the new version, and end with the service', async () => {
    const sandbox = createSandbox();
    // The map that an event is put together in is of the event's type, so it has another name each time.
    const renamed = execCounter()
      .replaceAll('number;', 'count;')
      .replaceAll('event->number', 'event->count')
      .replaceAll('scratch', 'scratch_of_1');
    const other = execCounter({ buffer: 'perf' }).replaceAll('scratch', 'scratch_of_2');
    const packed = await packServices([
      { version: '1.0.0', variants: { one: execCounter() } },
      { version: '1.1.0', variants: { one: renamed } },
      { version: '1.2.0', variants: { one: other } },
    ]);
    const node = await sandbox.openNode();
    const receiver = await sandbox.openNode();
    await node.install(packed.unsigned('1.0.0'));
    await using reading = await node.openEvents(SERVICE);
    await using receiving = await receiver.openEvents(SERVICE);
    const one = gather(reading.hub.subscribe().events());
    const two = gather(receiving.hub.subscribe().events());
    const bothSee = (test: (event: ServiceEvent) => boolean): Promise<true> =>
      waitFor(() => {
        execFileSync('/bin/true');
        return (one.seen.some(test) && two.seen.some(test)) || undefined;
      });
    await bothSee(({ event }) => typeof event?.['number'] === 'number');
    await node.upgrade({ service: SERVICE, ...packed.unsigned('1.1.0') });
    await bothSee(({ event }) => typeof event?.['count'] === 'number');
    await node.upgrade({ service: SERVICE, ...packed.unsigned('1.2.0') });
    expect(await waitFor(() => reading.hub.streams[0]?.buffer.kind === 'perf_event_array' || undefined)).toBe(true);
    const before = two.seen.length;
    await waitFor(() => {
      execFileSync('/bin/true');
      return two.seen.slice(before).some(({ event }) => typeof event?.['number'] === 'number') || undefined;
    });
    await node.uninstall({ service: SERVICE });
    await one.done;
    await two.done;
    expect(one.seen.every(({ lost, misfit }) => lost === 0 && misfit === undefined)).toBe(true);
  });

  it('come through a state folder whose path is longer than the address of a socket', async () => {
    const sandbox = createSandbox();
    const stateDir = join(sandbox.folder, 'a'.repeat(120), 'state');
    mkdirSync(join(stateDir, '..'), { recursive: true });
    const packed = await packServices([{ version: '1.0.0', variants: { one: execCounter() } }]);
    const first = await sandbox.openNode({ stateDir });
    const second = await sandbox.openNode({ stateDir });
    await first.install(packed.unsigned('1.0.0'));
    await using reading = await first.openEvents(SERVICE);
    await using receiving = await second.openEvents(SERVICE);
    expect(receiving.hub.streams).toEqual(reading.hub.streams);
    await first.uninstall({ service: SERVICE });
  });
});
