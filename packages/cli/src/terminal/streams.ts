import type { Readable, Writable } from 'node:stream';

/** Everything a command may touch of its surroundings; tests inject their own. */
export interface Streams {
  readonly stdin: Readable & { isTTY?: boolean; setRawMode?: (raw: boolean) => unknown };
  readonly stdout: Writable & { isTTY?: boolean; columns?: number; rows?: number };
  readonly stderr: Writable & { isTTY?: boolean; columns?: number };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

/** The process's own streams. Node makes each when it is asked for, and that of standard input takes a while. */
export function processStreams(): Streams {
  return {
    get stdin() {
      return process.stdin;
    },
    get stdout() {
      return process.stdout;
    },
    get stderr() {
      return process.stderr;
    },
    env: process.env,
    cwd: process.cwd(),
  };
}

/** Whether moving text may be shown on stderr: a terminal that understands it, and nobody asked for plain output. */
export function isInteractive(streams: Streams, noTty: boolean): boolean {
  const { stderr, env } = streams;
  return !noTty && stderr.isTTY === true && env['TERM'] !== 'dumb' && !env['CI'];
}

/** Columns that results are laid out for: of the terminal, or as COLUMNS says. Undefined where they go into a file or pipe: a line is a line. */
export function resultWidth({ stdout, env }: Streams): number | undefined {
  const told = Number(env['COLUMNS']);
  if (stdout.isTTY === true && stdout.columns) return stdout.columns;
  if (Number.isInteger(told) && told > 0) return told;
  return stdout.isTTY === true ? 80 : undefined;
}
