import type { Command, CommanderError } from 'commander';
import { CliError } from './cli-error.ts';

/** What commander found wrong, as one line and the next step. */
export function usageError(error: CommanderError, program: Command, args: readonly string[]): CliError {
  const [first = '', ...rest] = error.message.replace(/^error: /, '').split('\n');
  const suggestion = /\(Did you mean (?:one of )?(.+?)\?\)/.exec(rest.join(' '))?.[1];
  return new CliError('ERR_CLI_USAGE', first, hintFor(error.code, suggestion, program, args));
}

/** A command that does not exist, asked for by `bpfship help NAME`. */
export function unknownCommand(name: string, program: Command): CliError {
  const near = program.commands.map((command) => command.name()).find((known) => known.startsWith(name.slice(0, 2)));
  return new CliError(
    'ERR_CLI_USAGE',
    `unknown command '${name.slice(0, 64)}'`,
    hintFor('commander.unknownCommand', near, program, []),
  );
}

function hintFor(code: string, suggestion: string | undefined, program: Command, args: readonly string[]): string {
  const command = commandIn(program, args);
  const path = pathOf(command);
  if (code === 'commander.unknownOption' && asksForFormatByOutput(args)) {
    return `Did you mean --format json? Try: ${path} --format json (-o is always a path)`;
  }
  if (suggestion !== undefined && code === 'commander.unknownCommand') {
    return `Did you mean "${path} ${suggestion}"? "${path} --help" lists the commands.`;
  }
  if (suggestion !== undefined) return `Did you mean ${suggestion}? "${path} --help" lists the options.`;
  const what = code === 'commander.unknownCommand' ? 'the commands' : 'its arguments, options and examples';
  return `"${path} --help" shows ${what}.`;
}

/** `-o json` is how helm, kubectl and cosign are asked for JSON. */
function asksForFormatByOutput(args: readonly string[]): boolean {
  return /(?:^| )(?:-o|--output)[ =]?(?:json|text|yaml|table|wide)(?: |$)/.test(args.join(' '));
}

/** The innermost command that the arguments name; values of options are no names of commands. */
export function commandIn(program: Command, args: readonly string[]): Command {
  let current = program;
  for (const word of args) {
    current = subcommand(current, word) ?? current;
  }
  return current;
}

/** A direct subcommand by its name or alias. */
export function subcommand(command: Command, name: string): Command | undefined {
  return command.commands.find((child) => child.name() === name || child.aliases().includes(name));
}

/** The command as it is typed, e.g. `bpfship hub build`. */
export function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();
}
