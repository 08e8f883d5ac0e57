import { existsSync } from 'node:fs';
import { createDecoder, type EventDecoder, readBpfObject } from '@bpfship/bpf-object';
import type { BtfIndex, EventStream, Variant } from '@bpfship/media-types';
import type { EventBatch, Kernel } from '../kernel/kernel.ts';
import { ShimError } from '../shim-error.ts';
import type { ServicePins } from './pins.ts';

/** One event, or a loss of some. */
export interface ServiceEvent {
  /** Name of the event stream: its map. */
  stream: string;
  /** Decoded by BTF; absent where only a loss is told. */
  event?: Record<string, unknown>;
  /** Events that were lost since the last one. */
  lost: number;
}

/** Whose events to read. */
export interface ServiceEventsOptions {
  kernel: Kernel;
  pins: ServicePins;
  index: BtfIndex;
  variant: Variant;
  /** Its BTF tells what the events are. */
  object: Uint8Array;
  signal: AbortSignal;
}

/**
 * Reads and decodes all event streams of a service until the signal aborts.
 *
 * @throws {ShimError} `ERR_SHIM_NO_EVENTS`, `ERR_SHIM_PINS_MISSING`; {BpfObjectError} where a stream's type is not in the object's BTF.
 */
export async function* readServiceEvents(options: ServiceEventsOptions): AsyncGenerator<ServiceEvent> {
  const { kernel, pins, object, signal } = options;
  const streams = streamsOf(options);
  const { btf } = readBpfObject(object);
  if (!btf) {
    const { name } = options.index;
    throw new ShimError('ERR_SHIM_NO_EVENTS', `the object of ${name} has no BTF to decode its events by`, {
      hint: 'Ask the author to build it with "bpfship build".',
    });
  }
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const sources: Source[] = streams.map(({ map, type }) => ({
    map,
    decode: createDecoder(btf, type),
    batches: kernel.readEvents({ mapPin: pins.map(map), signal: either })[Symbol.asyncIterator](),
  }));
  const pending = new Map(sources.map((source) => [source, nextOf(source)]));
  try {
    yield* merge(pending);
  } finally {
    stop.abort();
    // Ends the readers also where nobody waits for them any more, so that the buffers are closed.
    await Promise.allSettled([...pending.values(), ...sources.map(endOf)]);
  }
}

/** The declared streams that the variant has. */
function streamsOf({ index, variant, pins }: ServiceEventsOptions): EventStream[] {
  const { name, version } = index;
  const streams = (index.events ?? []).filter(({ map }) => variant.maps.some((candidate) => candidate.name === map));
  if (streams.length === 0) {
    throw new ShimError('ERR_SHIM_NO_EVENTS', `${name} ${version}, variant ${variant.name}, declares no events`, {
      hint: `"bpfship status ${name} --maps" shows its maps.`,
    });
  }
  const missing = streams.find(({ map }) => !existsSync(pins.map(map)));
  if (missing) throw pinMissing(name, missing.map);
  return streams;
}

/** The error of a map whose pin somebody removed, or that a new start of the machine took away. */
export function pinMissing(service: string, map: string): ShimError {
  return new ShimError('ERR_SHIM_PINS_MISSING', `the pin of map "${map}" of ${service} is gone`, {
    hint: `After a restart, or where somebody removed it: "bpfship upgrade ${service} REFERENCE" to the same version loads it again.`,
  });
}

interface Source {
  map: string;
  decode: EventDecoder;
  batches: AsyncIterator<EventBatch>;
}

type Pending = Map<Source, Promise<{ source: Source; result: IteratorResult<EventBatch> }>>;

/** Takes whichever stream has something next. */
async function* merge(pending: Pending): AsyncGenerator<ServiceEvent> {
  while (pending.size > 0) {
    const { source, result } = await Promise.race(pending.values());
    if (result.done) {
      pending.delete(source);
      continue;
    }
    const { events, lost } = result.value;
    if (lost > 0) yield { stream: source.map, lost };
    for (const bytes of events) yield { stream: source.map, event: source.decode(bytes), lost: 0 };
    pending.set(source, nextOf(source));
  }
}

async function endOf({ batches }: Source): Promise<void> {
  await batches.return?.();
}

async function nextOf(source: Source): Promise<{ source: Source; result: IteratorResult<EventBatch> }> {
  return { source, result: await source.batches.next() };
}
