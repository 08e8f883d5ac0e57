import { errorCode } from '../exit-codes.ts';
import type { GlobalOptions } from './printer.ts';
import { sanitize, toJson } from './sanitize.ts';
import type { Streams } from './streams.ts';

/** How deep a chain of causes is followed. */
const MAX_CAUSES = 8;

/**
 * Prints an error on stderr: what happened, then the next step. With `--format json` one JSON object, with `--debug` the stacks of all
 * causes.
 */
export function reportError(error: unknown, streams: Streams, options: GlobalOptions): void {
  const write = (text: string): void => void streams.stderr.write(`${text}\n`);
  if (options.format === 'json') {
    write(toJson({ error: describe(error) }));
    return;
  }
  // Further lines of a message are indented: they may quote a registry, and must not pose as lines of ours.
  write(sanitize(`Error: ${messageOf(error).trim().replaceAll('\n', '\n  ')}`));
  const details = detailsOf(error);
  if (details) write(sanitize(details));
  const hint = hintOf(error);
  if (hint) write(sanitize(hint));
  if (options.debug && error instanceof Error) write(sanitize(stackOf(error)));
}

function describe(error: unknown, depth = 0): Record<string, unknown> {
  const cause = error instanceof Error ? error.cause : undefined;
  return {
    code: errorCode(error) ?? 'ERR_UNEXPECTED',
    message: messageOf(error),
    ...(hintOf(error) ? { hint: hintOf(error) } : {}),
    ...(cause !== undefined && depth < MAX_CAUSES ? { cause: describe(cause, depth + 1) } : {}),
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function hintOf(error: unknown): string | undefined {
  return error instanceof Error && 'hint' in error && typeof error.hint === 'string' && error.hint
    ? error.hint
    : undefined;
}

/** More lines that an error carries for people, e.g. the table of refused variants or the verifier's last words. */
function detailsOf(error: unknown): string | undefined {
  return error instanceof Error && 'details' in error && typeof error.details === 'string' && error.details
    ? error.details
    : undefined;
}

function stackOf(error: Error): string {
  const lines: string[] = [];
  let current: unknown = error;
  for (let depth = 0; current instanceof Error && depth < MAX_CAUSES; depth++) {
    lines.push(`${depth ? 'Caused by: ' : ''}${current.stack ?? current.message}`);
    current = current.cause;
  }
  return lines.join('\n');
}
