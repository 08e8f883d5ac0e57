import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';

/**
 * Asks on a terminal before something is deleted.
 *
 * @returns false where the answer is no.
 * @throws {CliError} `ERR_CLI_USAGE` where there is no terminal to ask on and no `--force`.
 */
export async function confirmDelete(
  what: string,
  { force }: { force: boolean },
  { streams, printer, signal }: CommandContext,
): Promise<boolean> {
  if (force) return true;
  if (!streams.stdin.isTTY || !streams.stderr.isTTY) {
    throw new CliError(
      'ERR_CLI_USAGE',
      `there is no terminal to ask on whether ${what} is to be deleted`,
      'Add --force to delete it without a question.',
    );
  }
  const { createInterface } = await import('node:readline/promises');
  const { sanitizeLine } = await import('../terminal/sanitize.ts');
  const terminal = createInterface({ input: streams.stdin, output: streams.stderr, terminal: true });
  try {
    const answer = await terminal.question(`Delete ${sanitizeLine(what)}? [y/N] `, { signal });
    if (/^y(?:es)?$/i.test(answer.trim())) return true;
  } finally {
    terminal.close();
  }
  printer.status('Nothing was deleted.');
  return false;
}
