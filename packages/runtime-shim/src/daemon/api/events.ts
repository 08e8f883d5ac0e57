import type { ServerResponse } from 'node:http';
import type { ShimNode } from '../../node/shim-node.ts';
import { beginLines, writeText } from './exchange.ts';

/** Text that is collected before it is written, in characters. */
const CHUNK = 65_536;

/** What a stream of events is made of. */
export interface EventStreamOptions {
  node: ShimNode;
  service: string;
  /** Only these; none: all. */
  streams: readonly string[];
  response: ServerResponse;
  signal: AbortSignal;
}

/** Sends a service's events as JSON lines until the caller goes: `{"stream":…,"event":{…}}`, and losses as `{"stream":…,"lost":n,"lostBy":…}`. */
export async function sendEvents({ node, service, streams, response, signal }: EventStreamOptions): Promise<void> {
  const events = node.events(service, { signal });
  // The first step tells whether there is something to read: an error is still an answer of its own.
  let next = events.next();
  const early = await Promise.race([
    next.then(
      () => undefined,
      (error: unknown) => error,
    ),
    soon(),
  ]);
  if (early instanceof Error) throw early;
  beginLines(response);
  const wanted = streams.length === 0 ? undefined : new Set(streams);
  let waiting = '';
  const flush = async (): Promise<void> => {
    const text = waiting;
    waiting = '';
    if (text !== '') await writeText(response, text);
  };
  let timer: NodeJS.Immediate | undefined;
  for (;;) {
    const { done, value } = await next;
    if (done || signal.aborted) break;
    next = events.next();
    if (wanted && !wanted.has(value.stream)) continue;
    const { stream, event, lost, lostBy, misfit } = value;
    waiting += `${JSON.stringify(
      {
        stream,
        ...(event === undefined ? {} : { event }),
        ...(lost > 0 ? { lost, lostBy } : {}),
        ...(misfit === undefined
          ? {}
          : { misfit: { reason: misfit.reason, hex: Buffer.from(misfit.bytes).toString('hex') } }),
      },
      plainNumbers,
    )}\n`;
    if (waiting.length >= CHUNK) await flush();
    else
      timer ??= setImmediate(() => {
        timer = undefined;
        void flush();
      });
  }
  await flush();
  response.end();
}

/** JSON has no integers beyond 2^53: those are texts. */
function plainNumbers(_key: string, value: unknown): unknown {
  if (typeof value !== 'bigint') return value;
  return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
}

function soon(): Promise<undefined> {
  return new Promise((resolve) => void setTimeout(() => resolve(undefined), 200).unref());
}
