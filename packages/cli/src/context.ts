import type { GlobalOptions, Printer } from './terminal/printer.ts';
import type { Streams } from './terminal/streams.ts';

/** What every command gets: its surroundings, its printer, and the signal of an interrupt. */
export interface CommandContext {
  readonly streams: Streams;
  readonly printer: Printer;
  readonly options: GlobalOptions;
  readonly signal: AbortSignal;
}

/** Gives a command its context at the time it runs, when the global options are known. */
export type GetContext = () => CommandContext;
