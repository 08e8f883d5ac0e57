import type { EventBatch, ReadEventsOptions } from './kernel.ts';
import { KernelError } from './kernel-error.ts';
import type { Answer, Request } from './protocol.ts';

/** Milliseconds between looks at an empty buffer. */
const DEFAULT_INTERVAL_MS = 50;

/** The way to the worker. */
export interface Channel {
  /** Takes a number and hears what comes for it. @throws {KernelError} where the worker has ended. */
  listen(onAnswer: (answer: Answer) => void): number;
  send(request: Request): void;
  unlisten(id: number): void;
}

/**
 * Batches of events until the signal aborts. One batch is on its way at a time: a slow reader makes the buffer fill up in the kernel, where
 * the program, or the perf event array, counts what is lost.
 */
export async function* readEvents(
  { mapPin, signal, intervalMs = DEFAULT_INTERVAL_MS }: ReadEventsOptions,
  channel: Channel,
): AsyncGenerator<EventBatch> {
  if (signal.aborted) return;
  const answers: Answer[] = [];
  let wake = Promise.withResolvers<void>();
  const id = channel.listen((answer) => {
    answers.push(answer);
    wake.resolve();
  });
  const onAbort = (): void => wake.resolve();
  signal.addEventListener('abort', onAbort);
  try {
    channel.send({ id, kind: 'read-events', mapPin, intervalMs });
    while (!signal.aborted) {
      const answer = answers.shift();
      if (answer === undefined) {
        await wake.promise;
        wake = Promise.withResolvers<void>();
        continue;
      }
      if (answer.kind === 'error') {
        throw new KernelError(answer.code ?? 'ERR_KERNEL_WORKER', answer.message, answer.details);
      }
      if (answer.kind !== 'events') continue;
      yield { events: answer.events, lost: answer.lost };
      channel.send({ id, kind: 'next-events' });
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    channel.send({ id, kind: 'stop-events' });
    channel.unlisten(id);
  }
}
