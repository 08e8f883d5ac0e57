import type { EventDecoder } from '@bpfship/bpf-object';
import type { EventBatch } from '../events/event-batch.ts';
import { type Cell, Columns } from './columns.ts';
import { type PickedFields, pickFields } from './picked-fields.ts';
import { valueText } from './value-text.ts';

/** Options of {@link EventColumns}. */
export interface EventColumnsOptions {
  /** Fields by their paths. Default: all of a stream's type. */
  columns?: readonly string[];
  /** Makes foreign text safe for a terminal. */
  clean(this: void, text: string): string;
  /** Columns that a text takes on a terminal. */
  measure(this: void, text: string): number;
}

interface StreamColumns {
  decoder: EventDecoder;
  picked: PickedFields;
  columns: Columns;
}

/** Events as columns. A heading stands before the first one, and again where those of another stream come. */
export class EventColumns {
  readonly #options: EventColumnsOptions;
  readonly #streams = new Map<string, StreamColumns>();
  #shown: string | undefined;

  constructor(options: EventColumnsOptions) {
    this.#options = options;
  }

  /** The lines of a batch. Events that do not fit their type are left out. @param limit - events at most. Default: all. */
  lines(batch: EventBatch, limit: number = Infinity): string[] {
    const decoder = batch.block?.decoder;
    if (!decoder || batch.count === 0) return [];
    const { picked, columns } = this.#columnsOf(batch.stream, decoder);
    const rows: Cell[][] = [];
    for (let index = 0; index < batch.count && index < limit; index++) {
      const values = picked.values(batch, index);
      // Too short for any of them.
      if (values.some((value) => value !== undefined)) rows.push(values.map((value) => this.#cell(value)));
    }
    for (const row of rows) columns.fit(row);
    const lines = rows.map((row) => columns.line(row));
    const [first] = rows;
    // With columns that the user chose, all streams share one heading.
    const heading = this.#options.columns === undefined ? batch.stream : '';
    if (first === undefined || this.#shown === heading) return lines;
    this.#shown = heading;
    return [columns.heading(first.map(({ right }) => right)), ...lines];
  }

  #cell(value: unknown): Cell {
    const { clean } = this.#options;
    return { text: clean(valueText(value)), right: typeof value === 'number' || typeof value === 'bigint' };
  }

  #columnsOf(stream: string, decoder: EventDecoder): StreamColumns {
    const { columns: paths, measure } = this.#options;
    const key = paths === undefined ? stream : '';
    const known = this.#streams.get(stream);
    if (known?.decoder === decoder) return known;
    const picked = pickFields(decoder, paths);
    const names = picked.names.map((name) => name.toUpperCase());
    const shared = paths === undefined ? undefined : this.#streams.get(key)?.columns;
    const made = { decoder, picked, columns: shared ?? new Columns(names, measure) };
    this.#streams.set(stream, made);
    if (paths !== undefined) this.#streams.set(key, made);
    return made;
  }
}
