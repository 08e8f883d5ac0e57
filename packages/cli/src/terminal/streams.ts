import type { Readable, Writable } from 'node:stream';

/** Everything a command may touch of its surroundings; tests inject their own. */
export interface Streams {
  readonly stdin: Readable & { isTTY?: boolean };
  readonly stdout: Writable & { isTTY?: boolean; columns?: number };
  readonly stderr: Writable & { isTTY?: boolean; columns?: number };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

/** The process's own streams. */
export function processStreams(): Streams {
  return { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr, env: process.env, cwd: process.cwd() };
}

/** Whether moving text may be shown on stderr: a terminal that understands it, and nobody asked for plain output. */
export function isInteractive(streams: Streams, noTty: boolean): boolean {
  const { stderr, env } = streams;
  return !noTty && stderr.isTTY === true && env['TERM'] !== 'dumb' && !env['CI'];
}
