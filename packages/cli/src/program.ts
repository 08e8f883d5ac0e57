import { Command, InvalidArgumentError, Option, type OutputConfiguration } from 'commander';
import { type CommandEntry, commandsFor } from './commands/index.ts';
import type { GetContext } from './context.ts';
import { addExamples } from './options/examples.ts';
import { addHelpTopics } from './help-topics.ts';
import { version } from './version.ts';

/** Columns that a description keeps when terms are long; commander would stop wrapping at 40. */
const MIN_WIDTH_TO_WRAP = 20;

/**
 * The whole command tree. Options of the program are accepted before and after the command.
 *
 * @param output - where help goes; default: the process's streams.
 * @param args - of a command line: where they begin with a command, the tree has only that one. Default: all commands.
 */
export async function createProgram(
  getContext: GetContext,
  output: OutputConfiguration = {},
  args: readonly string[] = [],
): Promise<Command> {
  const entries = commandsFor(args);
  const program = new Command('bpfship')
    .description('Pack, sign, ship and run eBPF services: one signed OCI artifact, the variant that fits each kernel.')
    .version(`bpfship ${version}`, '-V, --version', 'print the version')
    .addOption(formatOption(entries))
    .option('-j, --json', 'the same as --format json')
    .option('-q, --quiet', 'print only the essential: a digest, a name')
    .option('-d, --debug', 'print stacks and causes of errors')
    .option('--no-tty', 'no live progress, even on a terminal')
    .helpOption('-h, --help', 'show the help of a command');
  for (const { group, load } of entries) program.addCommand((await load())(getContext).helpGroup(`${group}:`));
  program.addHelpCommand(
    new Command('help').argument('[command]').description('show the help of a command').helpGroup('Other:'),
  );
  // They are commands themselves: where another one is named, nobody asks for them.
  if (entries.length !== 1) addHelpTopics(program);
  addExamples(program, [
    ['Will it run here?', 'bpfship check ghcr.io/acme/exec-watch:1.0.0'],
    ['Run it until Ctrl-C', 'bpfship run ghcr.io/acme/exec-watch:1.0.0 --key acme.pub'],
    ['All options of a command', 'bpfship help install'],
  ]);
  prepare(program, output);
  return program;
}

/** Formats beyond those of all commands are taken where the one command of the line knows them. */
function formatOption(entries: readonly CommandEntry[]): Option {
  const option = new Option('--format <format>', 'how results are printed')
    .choices(['text', 'json'])
    .default('text')
    .env('BPFSHIP_FORMAT');
  const more = entries.length === 1 ? (entries[0]?.formats ?? []) : [];
  if (more.length === 0) return option;
  const all = ['text', 'json', ...more];
  return option.argParser((value) => {
    if (all.includes(value)) return value;
    throw new InvalidArgumentError(`Allowed choices are ${all.join(', ')}.`);
  });
}

/** A line of the overview: name, alias and arguments; that there are options goes without saying. */
function subcommandTerm(command: Command): string {
  const words = command.registeredArguments.map((argument) => {
    const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
    return argument.required ? `<${name}>` : `[${name}]`;
  });
  return [[command.name(), ...command.aliases()].join('|'), ...words].join(' ');
}

/** Subcommands do not inherit these settings when they are added as finished commands. */
function prepare(command: Command, output: OutputConfiguration): void {
  command
    .exitOverride()
    .showSuggestionAfterError(true)
    .configureOutput(output)
    .configureHelp({
      sortSubcommands: false,
      ...command.configureHelp(),
      minWidthToWrap: MIN_WIDTH_TO_WRAP,
      subcommandTerm,
    });
  if (command.parent) {
    command.helpOption('-h, --help', 'show this help');
    command.configureHelp({ ...command.configureHelp(), showGlobalOptions: true });
    if (command.commands.length > 0) command.helpCommand(false);
  }
  for (const child of command.commands) prepare(child, output);
}
