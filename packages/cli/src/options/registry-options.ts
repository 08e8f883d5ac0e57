import { type Command, Option } from 'commander';
import {
  type CredentialSource,
  dockerCredentials,
  type OpenedTarget,
  openTarget,
  type OpenTargetOptions,
  type RemoteOptions,
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
  certFile?: string;
  keyFile?: string;
  insecure?: boolean;
  header?: string[];
}

/** Options of every command that speaks to a registry; names as in oras. */
export function addRegistryOptions(command: Command): Command {
  return addOptions(command, 'Registry options:', '', ['-u', '-H']);
}

/** The options of {@link addRegistryOptions} for one side of a copy: `--from-…` or `--to-…`, as in oras. */
export function addSideOptions(command: Command, side: 'from' | 'to'): Command {
  const group = side === 'from' ? 'Source registry options:' : 'Destination registry options:';
  return addOptions(command, group, `${side}-`, []);
}

function addOptions(command: Command, group: string, side: string, short: readonly string[]): Command {
  const [user = '', header = ''] = short.map((letter) => `${letter}, `);
  const add = (flags: string, text: string): Option => {
    const option = new Option(flags, text).helpGroup(group);
    command.addOption(option);
    return option;
  };
  add(`--${side}plain-http`, 'use plain HTTP (default for registries on the loopback interface only)');
  add(`${user}--${side}username <name>`, 'user name for the registry');
  add(`--${side}password-stdin`, 'read the password or token from standard input');
  add(`--${side}identity-token-stdin`, 'read an identity token (an OAuth2 refresh token) from standard input');
  add(`--${side}registry-config <file>`, 'a docker config.json or podman auth.json with credentials');
  add(`--${side}ca-file <file>`, 'certificate authority of the registry, in PEM');
  add(`--${side}cert-file <file>`, 'client certificate, in PEM; shown to the registry itself only');
  add(`--${side}key-file <file>`, 'key of the client certificate, in PEM');
  add(`--${side}insecure`, 'do not verify the registry’s TLS certificate');
  add(
    `${header}--${side}header <name:value>`,
    'header of every request to the registry; may be given several times',
  ).argParser((value: string, before: string[] | undefined) => [...(before ?? []), value]);
  return command;
}

/** How registries are spoken to, from the options. Warnings of registries are shown. */
export async function remoteOptions(values: RegistryOptionValues, context: CommandContext): Promise<OpenTargetOptions> {
  return {
    userAgent: `bpfship/${version}`,
    credentials: await credentialsFrom(values, context),
    onWarning: (text) => context.printer.warn(`the registry says: ${text}`),
    ...(await connectionOptions(values, context)),
  };
}

/** How the registry is connected to, from the options. That nothing is verified is said aloud. */
export async function connectionOptions(
  { plainHttp, caFile, certFile, keyFile, insecure, header }: RegistryOptionValues,
  { printer }: CommandContext,
): Promise<RemoteOptions> {
  if (insecure) printer.warn('the registry’s TLS certificate is not verified (--insecure)');
  return {
    // A command ends soon.
    fewRequests: true,
    ...(plainHttp ? { plainHttp: true } : {}),
    ...(caFile === undefined ? {} : { ca: await readTextFile(caFile) }),
    ...(certFile === undefined ? {} : { cert: await readTextFile(certFile) }),
    ...(keyFile === undefined ? {} : { key: await readTextFile(keyFile) }),
    ...(insecure ? { insecureTls: true } : {}),
    ...(header === undefined ? {} : { headers: readHeaders(header) }),
  };
}

/** @throws {CliError} `ERR_CLI_USAGE` for what is no header. */
function readHeaders(lines: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const [, name, value] = /^([A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}):\s*([\t\x20-\x7e]{0,8192})$/.exec(line) ?? [];
    if (name === undefined || value === undefined) {
      // The value may be a secret, and is not repeated.
      throw new CliError('ERR_CLI_USAGE', '--header is not name:value', 'E.g. --header "X-Meta-Trace: 7"');
    }
    headers[name.toLowerCase()] = value;
  }
  return headers;
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
