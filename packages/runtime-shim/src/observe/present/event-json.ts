import type { EventDecoder } from '@bpfship/bpf-object';
import type { EventBatch } from '../events/event-batch.ts';
import { type PickedFields, pickFields } from './picked-fields.ts';

/** What JSON.stringify leaves as it is, and a terminal, or a reader of lines, would follow. */
const UNSAFE = /[\p{Bidi_Control}\u007f-\u009f\u2028\u2029]/u;
const ALL_UNSAFE = new RegExp(UNSAFE, 'gu');

/** Options of {@link EventJson}. */
export interface EventJsonOptions {
  service: string;
  /** Only these fields, by their paths. Default: all. */
  columns?: readonly string[];
}

/**
 * Events as lines of JSON (NDJSON): `{"service","stream","event"}` for each, `{"service","stream","lost","lostBy"}` where some were lost,
 * `{"service","stream","full":true}` where a ring buffer was full, so that some may have been lost that nobody counts,
 * `{"service","stream","misfit","bytes"}` (hex) for one that does not fit its type. 64-bit integers beyond 2^53 are decimal strings. Control
 * characters, and those that turn the reading direction, are escaped.
 */
export class EventJson {
  readonly #options: EventJsonOptions;
  readonly #service: string;
  readonly #picked = new WeakMap<EventDecoder, PickedFields>();
  /** Whose events have numbers that JSON cannot hold. */
  readonly #large = new WeakSet<EventDecoder>();

  constructor(options: EventJsonOptions) {
    this.#options = options;
    this.#service = JSON.stringify(options.service);
  }

  /** The lines of a batch, each with its line break. @param limit - events at most. Default: all. */
  lines(batch: EventBatch, limit: number = Infinity): string {
    const head = `{"service":${this.#service},"stream":${JSON.stringify(batch.stream)},`;
    let text = batch.lost > 0 ? `${head}"lost":${batch.lost},"lostBy":"${batch.lostBy}"}\n` : '';
    if (batch.full) text += `${head}"full":true}\n`;
    const count = Math.min(batch.count, limit);
    for (let index = 0; index < count; index++) text += `${head}${this.#event(batch, index)}}\n`;
    return UNSAFE.test(text) ? text.replace(ALL_UNSAFE, escaped) : text;
  }

  #event(batch: EventBatch, index: number): string {
    const { columns } = this.#options;
    const decoder = batch.block?.decoder;
    if (!decoder) return '"event":null';
    try {
      if (columns === undefined) return `"event":${this.#stringify(decoder, batch.decode(index))}`;
      let picked = this.#picked.get(decoder);
      if (!picked) this.#picked.set(decoder, (picked = pickFields(decoder, columns)));
      const values = picked.values(batch, index);
      return `"event":${this.#stringify(decoder, Object.fromEntries(columns.map((name, i) => [name, values[i]])))}`;
    } catch (error) {
      const { reason, bytes } = batch.misfit(index, error);
      return `"misfit":${JSON.stringify(reason)},"bytes":"${Buffer.from(bytes).toString('hex')}"`;
    }
  }

  /** A function that looks at every value makes it several times slower, so it is only used where it was needed before. */
  #stringify(decoder: EventDecoder, event: object): string {
    if (!this.#large.has(decoder)) {
      try {
        return JSON.stringify(event);
      } catch {
        this.#large.add(decoder);
      }
    }
    return JSON.stringify(event, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value));
  }
}

function escaped(character: string): string {
  return `\\u${character.codePointAt(0)?.toString(16).padStart(4, '0')}`;
}
