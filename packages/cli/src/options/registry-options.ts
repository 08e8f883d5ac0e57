import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import { Option } from 'commander';
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
import { readTextFile } from '../files.ts';
import { version } from '../version.ts';

/** Values of the options that {@link addRegistryOptions} adds. */
export interface RegistryOptionValues {
  plainHttp?: boolean;
  username?: string;
  passwordStdin?: boolean;
  registryConfig?: string;
  caFile?: string;
}

/** Options of every command that speaks to a registry; names as in oras. */
export function addRegistryOptions(command: Command): Command {
  const group = 'Registry options:';
  const add = (flags: string, text_: string): void => void command.addOption(new Option(flags, text_).helpGroup(group));
  add('--plain-http', 'use plain HTTP (default for registries on the loopback interface only)');
  add('-u, --username <name>', 'user name for the registry');
  add('--password-stdin', 'read the password or token from standard input');
  add('--registry-config <file>', 'a docker config.json or podman auth.json with credentials');
  add('--ca-file <file>', 'certificate authority of the registry, in PEM');
  return command;
}

/** How registries are spoken to, from the options. Warnings of registries are shown. */
export async function remoteOptions(values: RegistryOptionValues, context: CommandContext): Promise<OpenTargetOptions> {
  return {
    userAgent: `bpfship/${version}`,
    credentials: await credentialsFrom(values, context),
    onWarning: (text_) => context.printer.warn(`the registry says: ${text_}`),
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
  if (values.username !== undefined || values.passwordStdin) {
    if (!values.passwordStdin) {
      throw new CliError(
        'ERR_CLI_USAGE',
        '--username needs --password-stdin',
        'Give the password on standard input: … --username NAME --password-stdin < FILE',
      );
    }
    const password = (await text(streams.stdin)).replace(/\r?\n$/, '');
    return staticCredential(
      values.username === undefined ? { refreshToken: password } : { username: values.username, password },
    );
  }
  return dockerCredentials({
    env: streams.env,
    ...(values.registryConfig === undefined ? {} : { configFile: values.registryConfig }),
  });
}
