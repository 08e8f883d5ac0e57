import { createInterface } from 'node:readline/promises';
import { type Command, Option } from 'commander';
import { loadPrivateKey, parsePolicy, type Policy, readKeyReference } from '@bpfship/trust';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import { readTextFile } from '../files.ts';

/** Values of the options that {@link addVerifyOptions} adds. */
export interface VerifyOptionValues {
  key?: string[];
  policy?: string;
  allowUnsigned?: boolean;
}

const collect = (value: string, previous: string[] | undefined): string[] => [...(previous ?? []), value];

/** Options of every command that verifies a signature. */
export function addVerifyOptions(command: Command, options: { allowUnsigned?: boolean } = {}): Command {
  const group = 'Trust options:';
  command.addOption(
    new Option('--key <key>', 'public key that must have signed: a file or env://VARIABLE; several: any of them')
      .argParser(collect)
      .helpGroup(group),
  );
  command.addOption(
    new Option('--policy <file>', 'policy file that says who must have signed').conflicts('key').helpGroup(group),
  );
  if (options.allowUnsigned) {
    command.addOption(
      new Option('--allow-unsigned', 'load a package that nobody signed; for development only')
        .conflicts(['key', 'policy'])
        .helpGroup(group),
    );
  }
  return command;
}

/**
 * The policy that the options state; `undefined` where unsigned packages are allowed, which is said aloud.
 *
 * @throws {CliError} where nothing says who is trusted.
 */
export async function policyFrom(values: VerifyOptionValues, context: CommandContext): Promise<Policy | undefined> {
  if (values.allowUnsigned) {
    context.printer.warn('signatures are not checked (--allow-unsigned)');
    return undefined;
  }
  if (values.policy !== undefined) return parsePolicy(await readTextFile(values.policy));
  const keys = values.key ?? (context.streams.env['BPFSHIP_KEY'] ? [context.streams.env['BPFSHIP_KEY']] : []);
  if (keys.length === 0) {
    throw new CliError(
      'ERR_CLI_USAGE',
      'nothing says whose signature is trusted',
      'Name the publisher’s public key with --key FILE, or a policy with --policy FILE.',
    );
  }
  return {
    keys: await Promise.all(
      keys.map((key) => readKeyReference(key, { env: context.streams.env, stdin: context.streams.stdin })),
    ),
  };
}

/** The password of a private key: from the environment, or asked for on a terminal. */
export async function readPassword({ streams }: CommandContext, question: string): Promise<string> {
  const fromEnvironment = streams.env['BPFSHIP_PASSWORD'] ?? streams.env['COSIGN_PASSWORD'];
  if (fromEnvironment !== undefined) return fromEnvironment;
  if (!streams.stdin.isTTY || !streams.stderr.isTTY) {
    throw new CliError(
      'ERR_CLI_USAGE',
      'there is no terminal to ask for the key’s password on',
      'Set BPFSHIP_PASSWORD (an empty one is allowed).',
    );
  }
  return askHidden(streams, question);
}

/** The private key that an option names; asks for its password where it has one. */
export async function signingKey(reference: string, context: CommandContext): ReturnType<typeof loadPrivateKey> {
  const pem = await readKeyReference(reference, { env: context.streams.env, stdin: context.streams.stdin });
  const needsPassword = /ENCRYPTED/.test(pem);
  return loadPrivateKey(
    pem,
    needsPassword ? { password: await readPassword(context, 'Password of the private key: ') } : {},
  );
}

/** Asks on stderr, and does not show what is typed. */
export async function askHidden(streams: CommandContext['streams'], question: string): Promise<string> {
  const terminal = createInterface({ input: streams.stdin, output: streams.stderr, terminal: true });
  try {
    const answer = terminal.question(question);
    (terminal as unknown as { _writeToOutput: (shown: string) => void })._writeToOutput = () => undefined;
    return await answer;
  } finally {
    terminal.close();
    streams.stderr.write('\n');
  }
}
