import type { RequestEvent } from '@bpfship/oras-client';

/** Counts what a command asked of registries. */
export interface TrafficCounter {
  readonly onRequest: (event: RequestEvent) => void;
  /** Requests so far, and bytes of the answers. */
  total(): { requests: number; bytes: number };
}

/** Makes a counter; the events' byte counts grow while bodies are read. */
export function createTrafficCounter(): TrafficCounter {
  const events: RequestEvent[] = [];
  return {
    onRequest: (event) => void events.push(event),
    total: () => ({ requests: events.length, bytes: events.reduce((sum, { bytes }) => sum + bytes, 0) }),
  };
}
