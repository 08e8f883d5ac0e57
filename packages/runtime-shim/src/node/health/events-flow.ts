import type { EventsFlowProbe } from '@bpfship/media-types';
import type { OpenProbes, Probe, ProbedGeneration } from './probe.ts';

/** Bytes that a ring buffer may lack to its size and yet have no room for an event. */
const NEARLY_FULL = 4096;

/** Probes that something comes through ring buffers. Nothing is taken out of them. */
export const openEventsFlow: OpenProbes = ({ eventsFlow = [] }, generation) =>
  Promise.all(eventsFlow.map((probe) => openProbe(probe, generation)));

async function openProbe({ map, within }: EventsFlowProbe, { kernel, pins }: ProbedGeneration): Promise<Probe> {
  const pin = pins.map(map);
  const start = await kernel.ringPosition(pin);
  return {
    async look(elapsed, isLast) {
      const now = await kernel.ringPosition(pin);
      if (!start || !now) {
        return { state: 'unknown', detail: `events of ${map} cannot be counted: it is no ring buffer here` };
      }
      const bytes = now.produced - start.produced;
      if (bytes > 0n) return { state: 'passed', detail: `${bytes} bytes of events came through ${map}` };
      if (now.produced - now.consumed + BigInt(NEARLY_FULL) >= BigInt(now.size)) {
        return { state: 'unknown', detail: `${map} is full, since nobody reads it` };
      }
      const state = elapsed >= within || isLast ? 'failed' : 'waiting';
      return { state, detail: `no event came through ${map} in ${within} s` };
    },
  };
}
