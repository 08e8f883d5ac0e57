import { type EventBatch, EventColumns, EventJson } from '@bpfship/runtime-shim';
import type { CommandContext } from '../context.ts';
import { formatEvent } from './format-event.ts';
import { sanitizeLine } from './sanitize.ts';
import { displayWidth } from './table.ts';

/** How events are printed. */
export type EventOutput = 'line' | 'json' | 'columns';

/** Options of {@link createEventPrinter}. */
export interface EventPrinterOptions {
  service: string;
  output: EventOutput;
  /** Fields by their paths. Default: all. */
  columns?: readonly string[];
}

/** Prints the events of batches, up to a number of them. @returns how many. */
export type EventPrinter = (batch: EventBatch, limit: number) => Promise<number>;

const LOST_BY = {
  kernel: 'they came faster than they were read',
  subscriber: 'they came faster than they were shown',
} as const;

/** A batch is printed in one go. Losses are told on stderr, and among the events where these are JSON. */
export function createEventPrinter(options: EventPrinterOptions, { printer }: CommandContext): EventPrinter {
  const textOf = printerOf(options);
  const checked = new Set<string>();
  let toldFull = 0;
  return async (batch, limit) => {
    const { stream, lost, lostBy } = batch;
    if (lost > 0) printer.warn(`${lost} events of ${stream} were lost: ${LOST_BY[lostBy]}`);
    if (batch.full && Date.now() - toldFull > 1000) {
      toldFull = Date.now();
      printer.warn(
        `the buffer of ${stream} was full: events may have been lost, and a ring buffer does not count them`,
      );
    }
    if (!checked.has(stream)) for (const line of unknownColumns(batch, options)) printer.warn(line);
    checked.add(stream);
    const { text, misfits } = textOf(batch, limit);
    await printer.lines(text);
    for (const reason of misfits) printer.warn(`an event of ${stream} cannot be decoded: ${reason}`);
    return Math.min(limit, batch.count);
  };
}

/** A misspelt column would only be empty. Another stream may have it. */
function unknownColumns({ block, stream }: EventBatch, { columns = [] }: EventPrinterOptions): string[] {
  if (!block) return [];
  const known = block.decoder.fields.map(({ name }) => name);
  return columns
    .filter((path) => !known.includes(path.split('.')[0] ?? ''))
    .map((path) => `events of ${stream} have no field "${path}"; they have: ${known.join(', ')}`);
}

type TextOf = (batch: EventBatch, limit: number) => { text: string; misfits: string[] };

function printerOf({ service, output, columns }: EventPrinterOptions): TextOf {
  const picked = columns === undefined ? {} : { columns };
  if (output === 'json') {
    const json = new EventJson({ service, ...picked });
    return (batch, limit) => ({ text: json.lines(batch, limit), misfits: [] });
  }
  if (output === 'columns') {
    const table = new EventColumns({ ...picked, clean: sanitizeLine, measure: displayWidth });
    return (batch, limit) => ({ text: withBreaks(table.lines(batch, limit)), misfits: [] });
  }
  return linesOf;
}

function linesOf(batch: EventBatch, limit: number): { text: string; misfits: string[] } {
  const lines: string[] = [];
  const misfits: string[] = [];
  for (let index = 0; index < batch.count && index < limit; index++) {
    try {
      lines.push(sanitizeLine(formatEvent(batch.decode(index))));
    } catch (error) {
      misfits.push(batch.misfit(index, error).reason);
    }
  }
  return { text: withBreaks(lines), misfits };
}

function withBreaks(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}
