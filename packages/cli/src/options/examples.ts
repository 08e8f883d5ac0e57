import type { Command } from 'commander';

/** Adds examples to a command's help: a comment and a command line each. */
export function addExamples(
  command: Command,
  examples: readonly (readonly [comment: string, line: string])[],
): Command {
  const text = examples.map(([comment, line]) => `  # ${comment}\n  $ ${line}`).join('\n\n');
  return command.addHelpText('after', `\nExamples:\n${text}\n`);
}
