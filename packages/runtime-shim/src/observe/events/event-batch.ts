import type { EventView } from '@bpfship/bpf-object';
import { eventCount } from '../reader/event-block.ts';
import type { FeedBlock } from './event-feed.ts';
import type { ServiceEvent } from './service-event.ts';

/** What a batch tells. */
export type BatchContent = { block: FeedBlock } | { stream: string; lostBySubscriber: number };

/** Events of one stream that came together, or a loss. Nothing is decoded before it is asked for. */
export class EventBatch implements Iterable<ServiceEvent> {
  readonly stream: string;
  /** Events in this batch. */
  readonly count: number;
  /** Events that were lost before these. */
  readonly lost: number;
  /** Who lost them. */
  readonly lostBy: 'kernel' | 'subscriber';
  /** Whether the ring buffer was full before these, so that some may have been lost that nobody counts. */
  readonly full: boolean;
  /** As it came, for those who decode it in their own way or pass it on; none where only a loss is told. */
  readonly block: FeedBlock | undefined;
  readonly #view: EventView;

  constructor(content: BatchContent) {
    const block = 'block' in content ? content.block : undefined;
    this.block = block;
    this.stream = 'block' in content ? content.block.stream : content.stream;
    this.count = block ? eventCount(block) : 0;
    this.lost = 'block' in content ? content.block.lost : content.lostBySubscriber;
    this.full = block?.full ?? false;
    this.lostBy = block ? 'kernel' : 'subscriber';
    const bytes = new Uint8Array(block?.bytes ?? new ArrayBuffer(0));
    this.#view = {
      bytes,
      view: new DataView(bytes.buffer),
      end: 0,
      ...(block === undefined ? {} : { clocks: block.clocks }),
    };
  }

  /** One event, decoded. @throws {BpfObjectError} `ERR_EVENT_TOO_SHORT`. */
  decode(index: number): Record<string, unknown> {
    if (!this.block) throw new RangeError('a loss has no events');
    return this.block.decoder.decodeAt(this.#view, this.#seek(index));
  }

  /** The value of one field of an event; undefined where the event is too short for it. @param field - its place in the decoder's fields. */
  value(index: number, field: number): unknown {
    const at = this.#seek(index);
    return this.block?.decoder.fields[field]?.read(this.#view, at);
  }

  /** The loss, if there is one, that the buffer was full, if it was, then each event. */
  *[Symbol.iterator](): Iterator<ServiceEvent> {
    const { stream, lost, lostBy } = this;
    if (lost > 0) yield { stream, lost, lostBy };
    if (this.full) yield { stream, lost: 0, full: true };
    for (let index = 0; index < this.count; index++) yield this.#event(index);
  }

  #event(index: number): ServiceEvent {
    const { stream } = this;
    try {
      return { stream, event: this.decode(index), lost: 0 };
    } catch (error) {
      return { stream, lost: 0, misfit: this.misfit(index, error) };
    }
  }

  /** What is told of an event that {@link decode} has refused. */
  misfit(index: number, error: unknown): { reason: string; bytes: Uint8Array } {
    const at = this.#seek(index);
    const bytes = this.#view.bytes.slice(at, this.#view.end);
    return { reason: error instanceof Error ? error.message : String(error), bytes };
  }

  /** @returns where the event begins; the view then says where it ends. */
  #seek(index: number): number {
    const places = this.block?.places ?? [];
    const at = places[2 * index] ?? 0;
    this.#view.end = at + (places[2 * index + 1] ?? 0);
    return at;
  }
}
