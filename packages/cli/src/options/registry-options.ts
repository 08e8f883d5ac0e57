import { type Command, Option } from 'commander';
import {
  type CredentialSource,
  dockerCredentials,
  type OpenedTarget,
  openTarget,
  type OpenTargetOptions,
  type RequestEvent,
  staticCredential,
} from '@bpfship/oras-client';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import { readSecret, readTextFile } from '../files.ts';
import { version } from '../version.ts';

/** Values of the options that {@link addRegistryOptions} adds. */
export interface RegistryOptionValues {
  plainHttp?: boolean;
  username?: string;
  passwordStdin?: boolean;
  identityTokenStdin?: boolean;
  registryConfig?: string;
  caFile?: string;
}

/** Options of every command that speaks to a registry; names as in oras. */
export function addRegistryOptions(command: Command): Command {
  const add = optionAdder(command, 'Registry options:');
  add('--plain-http', 'use plain HTTP (default for registries on the loopback interface only)');
  add('-u, --username <name>', 'user name for the registry');
  add('--password-stdin', 'read the password or token from standard input');
  add('--identity-token-stdin', 'read an identity token (an OAuth2 refresh token) from standard input');
  add('--registry-config <file>', 'a docker config.json or podman auth.json with credentials');
  add('--ca-file <file>', 'certificate authority of the registry, in PEM');
  return command;
}

/** The options of {@link addRegistryOptions} for one side of a copy: `--from-…` or `--to-…`, as in oras. */
export function addSideOptions(command: Command, side: 'from' | 'to'): Command {
  const what = side === 'from' ? 'source' : 'destination';
  const add = optionAdder(command, side === 'from' ? 'Source registry options:' : 'Destination registry options:');
  add(`--${side}-plain-http`, `use plain HTTP for the ${what}`);
  add(`--${side}-username <name>`, `user name for the ${what}`);
  add(`--${side}-password-stdin`, `read the ${what}’s password or token from standard input`);
  add(`--${side}-identity-token-stdin`, `read the ${what}’s identity token from standard input`);
  add(`--${side}-registry-config <file>`, `file with credentials for the ${what}`);
  add(`--${side}-ca-file <file>`, `certificate authority of the ${what}, in PEM`);
  return command;
}

function optionAdder(command: Command, group: string): (flags: string, text: string) => void {
  return (flags, text) => void command.addOption(new Option(flags, text).helpGroup(group));
}

/** How registries are spoken to, from the options. Warnings of registries are shown. */
export async function remoteOptions(values: RegistryOptionValues, context: CommandContext): Promise<OpenTargetOptions> {
  return {
    userAgent: `bpfship/${version}`,
    // A command ends soon.
    fewRequests: true,
    credentials: await credentialsFrom(values, context),
    onWarning: (text) => context.printer.warn(`the registry says: ${text}`),
    ...(values.plainHttp ? { plainHttp: true } : {}),
    ...(values.caFile === undefined ? {} : { ca: await readTextFile(values.caFile) }),
  };
}

/** Opens a reference, or with `ociLayout` a folder. */
export async function openReference(
  reference: string,
  values: RegistryOptionValues & { ociLayout?: boolean },
  context: CommandContext,
  more: { create?: boolean; onRequest?: (event: RequestEvent) => void } = {},
): Promise<OpenedTarget> {
  const remote = await remoteOptions(values, context);
  return openTarget(reference, { ...remote, ociLayout: values.ociLayout ?? false, ...more });
}

async function credentialsFrom(values: RegistryOptionValues, { streams }: CommandContext): Promise<CredentialSource> {
  const { username, passwordStdin, identityTokenStdin } = values;
  if (identityTokenStdin) {
    if (passwordStdin || username !== undefined) {
      throw new CliError(
        'ERR_CLI_USAGE',
        '--identity-token-stdin stands alone',
        'A token needs no user name: … --identity-token-stdin < FILE',
      );
    }
    return staticCredential({ refreshToken: await readSecret(streams) });
  }
  if (username !== undefined || passwordStdin) {
    if (!passwordStdin) {
      throw new CliError(
        'ERR_CLI_USAGE',
        '--username needs --password-stdin',
        'Give the password on standard input: … --username NAME --password-stdin < FILE',
      );
    }
    const password = await readSecret(streams);
    return staticCredential(username === undefined ? { refreshToken: password } : { username, password });
  }
  return dockerCredentials({
    env: streams.env,
    ...(values.registryConfig === undefined ? {} : { configFile: values.registryConfig }),
  });
}
