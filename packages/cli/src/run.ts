import { type Command, CommanderError } from 'commander';
import type { CommandContext } from './context.ts';
import { errorCode, exitStatusOf } from './exit-codes.ts';
import { createProgram } from './program.ts';
import { createPrinter, type GlobalOptions, type OutputFormat } from './terminal/printer.ts';
import { reportError } from './terminal/report-error.ts';
import type { Streams } from './terminal/streams.ts';
import { subcommand, unknownCommand, usageError } from './usage-error.ts';

/** Exit status after SIGINT, as shells have it. */
const INTERRUPTED = 130;

/**
 * Runs one command line and returns its exit status; never throws and never ends the process.
 *
 * @param args - without `node` and the program's name.
 */
export async function run(args: readonly string[], streams: Streams, signal: AbortSignal): Promise<number> {
  const program = await createProgram(
    (): CommandContext => {
      const options = readGlobalOptions(program, args);
      return { streams, options, signal, printer: createPrinter(streams, options, signal) };
    },
    {
      writeOut: (text) => void streams.stdout.write(text),
      writeErr: (text) => void streams.stderr.write(text),
      // Errors come back as CommanderError and are printed below, like all others.
      outputError: () => undefined,
      getOutHelpWidth: () => streams.stdout.columns ?? 80,
      getErrHelpWidth: () => streams.stderr.columns ?? 80,
    },
    args,
  );
  try {
    if (args.length === 0 || args[0] === 'help') showHelp(program, args.slice(1));
    else if (asksForHelpOfNothing(program, args)) throw unknownCommand(args[0] ?? '', program);
    else await program.parseAsync(args, { from: 'user' });
    return signal.aborted ? INTERRUPTED : 0;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    // The help of a command that needs a subcommand; it is on stderr already.
    if (error instanceof CommanderError && error.code === 'commander.help') return 2;
    if (signal.aborted || errorCode(error) === 'ABORT_ERR') return INTERRUPTED;
    const reported = error instanceof CommanderError ? usageError(error, program, args) : error;
    reportError(reported, streams, readGlobalOptions(program, args));
    return exitStatusOf(reported);
  }
}

/** `bpfship NONSENSE --help`: commander would answer with the help of the program. */
function asksForHelpOfNothing(program: Command, [first = '', ...rest]: readonly string[]): boolean {
  const help = rest.includes('--help') || rest.includes('-h');
  return help && !first.startsWith('-') && subcommand(program, first) === undefined;
}

/** `bpfship help COMMAND [SUBCOMMAND]`; options among the words do not matter. */
function showHelp(program: Command, words: readonly string[]): void {
  let command = program;
  for (const word of words.filter((text) => !text.startsWith('-'))) {
    const next = subcommand(command, word);
    if (!next && word !== 'help') throw unknownCommand(word, command);
    command = next ?? command;
  }
  command.outputHelp();
}

/** Where the command line was not read to its end, the format is the one that it seems to ask for. */
function readGlobalOptions(program: Command, args: readonly string[]): GlobalOptions {
  const values = program.opts<Record<string, unknown>>();
  const json = values['json'] === true || /(?:^| )(?:--json|-j|--format[ =]json)(?: |$)/.test(args.join(' '));
  return {
    format: json ? 'json' : ((values['format'] ?? 'text') as OutputFormat),
    quiet: values['quiet'] === true,
    debug: values['debug'] === true || args.includes('--debug'),
    tty: values['tty'] !== false,
  };
}
