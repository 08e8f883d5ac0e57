import { once } from 'node:events';
import { sanitize, sanitizeLine, toJson } from './sanitize.ts';
import type { Streams } from './streams.ts';

/** How results are printed; the last two by commands that say so. */
export type OutputFormat = 'text' | 'json' | 'tree' | 'table';

/** Global options, as every command sees them. */
export interface GlobalOptions {
  readonly format: OutputFormat;
  readonly quiet: boolean;
  readonly debug: boolean;
  readonly tty: boolean;
}

/** Writes results to stdout and everything else to stderr. */
export interface Printer {
  /** The result of a command: `text` for people, `data` as JSON. In quiet mode `brief` stands for the text; nothing where it is empty. */
  result(result: { text: string | (() => string); data: unknown; brief: string }): void;
  /** One element of a stream of results: a line of text, or one line of JSON. Resolves when the reader keeps up. */
  item(item: { text: string; data: unknown }): Promise<void>;
  /** Many elements of a stream of results at once: lines that are safe as they are. Resolves when the reader keeps up. */
  lines(safe: string): Promise<void>;
  /** What is going on, on stderr; silent in quiet mode. */
  status(line: string): void;
  /** Something the user should know, on stderr, always. */
  warn(line: string): void;
}

/** Makes the printer for one run of the program. Text from outside is cleaned of control characters. */
export function createPrinter({ stdout, stderr }: Streams, options: GlobalOptions, signal: AbortSignal): Printer {
  const out = (text: string): boolean => stdout.write(text.endsWith('\n') ? text : `${text}\n`);
  const err = (text: string): void => void stderr.write(`${text}\n`);
  const keepPace = async (free: boolean): Promise<void> => {
    // A reader that is slower than the events must not make this process grow. The signal also says that the reader is gone.
    if (!free) await once(stdout, 'drain', { signal }).catch(() => undefined);
  };
  return {
    result({ text, data, brief }) {
      if (options.format === 'json') out(toJson(data, 2));
      else if (!options.quiet) out(sanitize(typeof text === 'function' ? text() : text));
      else if (brief !== '') out(sanitize(brief));
    },
    item: ({ text, data }) => keepPace(out(options.format === 'json' ? toJson(data) : sanitizeLine(text))),
    async lines(safe) {
      if (safe !== '') await keepPace(out(safe));
    },
    status(line) {
      if (!options.quiet) err(sanitize(line));
    },
    warn(line) {
      err(`Warning: ${sanitizeLine(line)}`);
    },
  };
}
