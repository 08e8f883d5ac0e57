import type { ServerResponse } from 'node:http';
import type { ShimNode } from '../../node/shim-node.ts';
import { requireStreams } from '../../observe/events/require-streams.ts';
import { EventJson } from '../../observe/present/event-json.ts';
import { beginLines, writeText } from './exchange.ts';

/** What a stream of events is made of. */
export interface EventStreamOptions {
  node: ShimNode;
  service: string;
  /** Only these; none: all. */
  streams: readonly string[];
  response: ServerResponse;
  signal: AbortSignal;
}

/** Sends a service's events as lines of JSON until the caller goes, losses among them, as {@link EventJson} has them. All callers share one reader. */
export async function sendEvents({ node, service, streams, response, signal }: EventStreamOptions): Promise<void> {
  await using opened = await node.openEvents(service);
  requireStreams(service, opened.hub, streams);
  const json = new EventJson({ service });
  const events = opened.hub.subscribe({ signal, ...(streams.length === 0 ? {} : { streams }) });
  beginLines(response);
  for await (const batch of events) await writeText(response, json.lines(batch));
  response.end();
}
