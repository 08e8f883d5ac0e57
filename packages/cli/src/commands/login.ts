import { Command } from 'commander';
import { type Credential, login, logout } from '@bpfship/oras-client';
import { CliError } from '../cli-error.ts';
import type { CommandContext, GetContext } from '../context.ts';
import { readSecret } from '../files.ts';
import { addExamples } from '../options/examples.ts';
import { addRegistryOptions, connectionOptions, type RegistryOptionValues } from '../options/registry-options.ts';

interface LoginValues extends RegistryOptionValues {
  identityToken?: string;
}

/** `bpfship login REGISTRY` */
export function createLoginCommand(getContext: GetContext): Command {
  const command = new Command('login')
    .summary('log in to a registry')
    .description(
      'Checks credentials against a registry and stores them where docker keeps its own, so that docker, oras and cosign find them too.',
    )
    .argument('<registry>', 'host and port, e.g. ghcr.io')
    .option(
      '--identity-token <token>',
      'identity token; other users of this machine may see it in the list of processes',
    );
  addExamples(addRegistryOptions(command), [
    ['Log in with a token', 'bpfship login ghcr.io --username acme --password-stdin < token.txt'],
    ['With an identity token', 'bpfship login registry.example.com --identity-token-stdin < token.txt'],
    ['Be asked for name and password', 'bpfship login harbor.example.com'],
    [
      'Keep the credentials in another file',
      'bpfship login ghcr.io --username acme --password-stdin --registry-config auth.json < token.txt',
    ],
  ]);
  return command.action(async (registry: string, values: LoginValues) => {
    const context = getContext();
    const credential = await askCredential(registry, values, context);
    const { storedIn } = await login(registry, credential, {
      ...(values.registryConfig === undefined ? {} : { configFile: values.registryConfig }),
      remote: await connectionOptions(values, context),
    });
    context.printer.result({
      text: `Logged in to ${registry}; credentials stored in ${storedIn}`,
      data: { registry, storedIn },
      brief: registry,
    });
  });
}

/** `bpfship logout REGISTRY` */
export function createLogoutCommand(getContext: GetContext): Command {
  const command = new Command('logout')
    .summary('remove the credentials of a registry')
    .description('Removes the credentials of a registry from where "bpfship login" or "docker login" stored them.')
    .argument('<registry>', 'host and port, e.g. ghcr.io')
    .option('--registry-config <file>', 'the file to change');
  addExamples(command, [
    ['Log out of GHCR', 'bpfship logout ghcr.io'],
    ['Log out of Docker Hub', 'bpfship logout docker.io'],
    ['Remove them from another file', 'bpfship logout ghcr.io --registry-config auth.json'],
  ]);
  return command.action(async (registry: string, values: RegistryOptionValues) => {
    const { removedFrom } = await logout(
      registry,
      values.registryConfig === undefined ? {} : { configFile: values.registryConfig },
    );
    getContext().printer.result({
      text:
        removedFrom.length > 0
          ? `Removed the credentials of ${registry} from ${removedFrom.join(' and ')}`
          : `There were no credentials of ${registry}`,
      data: { registry, removedFrom },
      brief: removedFrom.length > 0 ? registry : '',
    });
  });
}

async function askCredential(
  registry: string,
  values: LoginValues,
  { streams, printer }: CommandContext,
): Promise<Credential> {
  if (values.identityToken !== undefined || values.identityTokenStdin) {
    if (values.username !== undefined || values.passwordStdin || (values.identityToken && values.identityTokenStdin)) {
      throw new CliError(
        'ERR_CLI_USAGE',
        'an identity token needs no user name and no password',
        `bpfship login ${registry} --identity-token-stdin < FILE`,
      );
    }
    if (values.identityToken !== undefined) {
      printer.warn('--identity-token shows the token in the list of processes; --identity-token-stdin does not');
    }
    return { refreshToken: values.identityToken ?? (await readSecret(streams)) };
  }
  if (values.passwordStdin) {
    if (values.username === undefined) {
      throw new CliError(
        'ERR_CLI_USAGE',
        '--password-stdin needs --username',
        `bpfship login ${registry} --username NAME --password-stdin < FILE`,
      );
    }
    return { username: values.username, password: await readSecret(streams) };
  }
  if (!streams.stdin.isTTY || !streams.stderr.isTTY) {
    throw new CliError(
      'ERR_CLI_USAGE',
      'there is no terminal to ask for the password on',
      `bpfship login ${registry} --username NAME --password-stdin < FILE`,
    );
  }
  const { createInterface } = await import('node:readline/promises');
  const terminal = createInterface({ input: streams.stdin, output: streams.stderr, terminal: true });
  try {
    const username = values.username ?? (await terminal.question('User name: '));
    const question = terminal.question('Password: ');
    // What is typed from here on is not shown.
    (terminal as unknown as { _writeToOutput: (shown: string) => void })._writeToOutput = () => undefined;
    const password = await question;
    streams.stderr.write('\n');
    return { username, password };
  } finally {
    terminal.close();
  }
}
