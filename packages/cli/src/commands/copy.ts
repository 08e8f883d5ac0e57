import { Command } from 'commander';
import { copy, type OpenedTarget, requireReference } from '@bpfship/oras-client';
import { openPushTarget, tagMore } from '../artifact/tags.ts';
import { CliError } from '../cli-error.ts';
import type { GetContext } from '../context.ts';
import { addExamples } from '../options/examples.ts';
import { wholeNumber } from '../options/numbers.ts';
import {
  addRegistryOptions,
  addSideOptions,
  openReference,
  type RegistryOptionValues,
} from '../options/registry-options.ts';
import { suggestingCompat } from '../suggest-compat.ts';
import { createProgress } from '../terminal/progress.ts';
import { isInteractive } from '../terminal/streams.ts';

type SideValues<Side extends 'from' | 'to'> = {
  [Name in keyof RegistryOptionValues as `${Side}${Capitalize<Name>}`]?: RegistryOptionValues[Name];
};

interface Values extends RegistryOptionValues, SideValues<'from'>, SideValues<'to'> {
  fromOciLayout?: boolean;
  toOciLayout?: boolean;
  recursive: boolean;
  platform?: string;
  concurrency: number;
}

/** `bpfship copy SOURCE DESTINATION` */
export function createCopyCommand(getContext: GetContext): Command {
  const command = new Command('copy')
    .alias('cp')
    .summary('copy a package or artifact between registries and folders')
    .description(
      'Copies an artifact byte for byte, so that its digest and signatures stay valid, with all that refers to it. Options without --from or --to are for both sides; but credentials (--username, what is read from standard input, client certificates, headers) are for the destination, or for the source where the destination is a folder. "bpfship login" stores credentials of both.',
    )
    .argument('<source>', 'reference, or folder:tag with --from-oci-layout')
    .argument('<destination>', 'reference with tag[,tag...], or folder:tag with --to-oci-layout')
    .option('--from-oci-layout', 'the source is an OCI layout folder')
    .option('--to-oci-layout', 'the destination is an OCI layout folder; it is made where it is missing')
    .option('-r, --recursive', 'with signatures and other referrers (this is the default)', true)
    .option('--platform <platform>', 'of an index: only what is for os/architecture[/variant]')
    .option('--no-recursive', 'leave signatures and other referrers behind')
    .option('--concurrency <number>', 'blobs at the same time', wholeNumber(1, 64), 3);
  addExamples(addSideOptions(addSideOptions(addRegistryOptions(command), 'from'), 'to'), [
    [
      'Promote from one registry to another',
      'bpfship copy ghcr.io/acme/exec-watch:1.0.0 harbor.example.com/prod/exec-watch:1.0.0',
    ],
    [
      'Take a package along, with its signatures',
      'bpfship copy ghcr.io/acme/exec-watch:1.0.0 --to-oci-layout ./exec-watch:1.0.0',
    ],
    [
      'Bring it into a closed network',
      'bpfship copy --from-oci-layout ./exec-watch:1.0.0 10.0.0.5:5000/exec-watch:1.0.0',
    ],
  ]);
  return command.action(async (from: string, to: string, values: Values) => {
    const context = getContext();
    const { printer, streams, options, signal } = context;
    const from_ = sourceValues(values);
    const to_ = destinationValues(values);
    if (readsStdin(from_) && readsStdin(to_)) {
      throw new CliError(
        'ERR_CLI_USAGE',
        'standard input cannot hold the passwords of both sides',
        'Log in to one of them with "bpfship login" before, or name a file with --from-registry-config.',
      );
    }
    await using source = await openReference(from, from_, context);
    await using destination = await openPushTarget(to, to_, context);
    const progress = createProgress(streams, {
      interactive: isInteractive(streams, !options.tty),
      quiet: options.quiet,
      words: { doing: 'Copying', done: 'Copied' },
    });
    try {
      const reference = await referenceFor(source, values.platform, signal);
      const descriptor = await suggestingCompat({ target: source.target, reference }, () =>
        copy(
          source.target,
          reference,
          destination.target,
          destination.tags[0] ?? destination.digest ?? tagOf(requireReference(source)),
          { concurrency: values.concurrency, withReferrers: values.recursive, onProgress: progress.onProgress, signal },
        ),
      );
      const others = await tagMore(destination, descriptor, signal);
      printer.result({
        text: [
          `Copied ${source.display} => ${destination.display}`,
          ...others.map((tag) => `Tagged ${tag}`),
          `Digest: ${descriptor.digest}`,
        ].join('\n'),
        data: {
          source: source.display,
          reference: `${destination.location}@${descriptor.digest}`,
          mediaType: descriptor.mediaType,
          digest: descriptor.digest,
          size: descriptor.size,
        },
        brief: `${destination.location}@${descriptor.digest}`,
      });
    } finally {
      progress.close();
    }
  });
}

/** With a platform the digest of what is for it. */
async function referenceFor(source: OpenedTarget, platform: string | undefined, signal: AbortSignal): Promise<string> {
  const reference = requireReference(source);
  if (platform === undefined) return reference;
  const { fetchForPlatform } = await import('../artifact/platform.ts');
  return (await fetchForPlatform(source.target, reference, { platform, signal })).descriptor.digest;
}

type OpenValues = RegistryOptionValues & { ociLayout: boolean };

function destinationValues(values: Values): OpenValues {
  const own = sideValues('to', values);
  return {
    ...shared(values),
    ...(values.toOciLayout ? {} : secrets(values)),
    ...own,
    ociLayout: values.toOciLayout ?? false,
  };
}

/** A password on the command line is for one registry only: the destination, or the source where the destination is a folder. */
function sourceValues(values: Values): OpenValues {
  const own = sideValues('from', values);
  return {
    ...shared(values),
    ...(values.toOciLayout ? secrets(values) : {}),
    ...own,
    ociLayout: values.fromOciLayout ?? false,
  };
}

function shared({ plainHttp, registryConfig, caFile, insecure }: RegistryOptionValues): RegistryOptionValues {
  return given({ plainHttp, registryConfig, caFile, insecure });
}

function secrets(values: RegistryOptionValues): RegistryOptionValues {
  const { username, passwordStdin, identityTokenStdin, certFile, keyFile, header } = values;
  return given({ username, passwordStdin, identityTokenStdin, certFile, keyFile, header });
}

function sideValues(side: 'from' | 'to', values: Values): RegistryOptionValues {
  return given({
    plainHttp: values[`${side}PlainHttp`],
    username: values[`${side}Username`],
    passwordStdin: values[`${side}PasswordStdin`],
    identityTokenStdin: values[`${side}IdentityTokenStdin`],
    registryConfig: values[`${side}RegistryConfig`],
    caFile: values[`${side}CaFile`],
    certFile: values[`${side}CertFile`],
    keyFile: values[`${side}KeyFile`],
    insecure: values[`${side}Insecure`],
    header: values[`${side}Header`],
  });
}

/** Without what is not given, so that it overrides nothing. */
function given(values: {
  [Name in keyof RegistryOptionValues]?: RegistryOptionValues[Name] | undefined;
}): RegistryOptionValues {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function readsStdin({ ociLayout, passwordStdin, identityTokenStdin }: OpenValues): boolean {
  return !ociLayout && (passwordStdin === true || identityTokenStdin === true);
}

/** A tag is kept at the destination where none is given; a digest is none. */
function tagOf(reference: string): string | undefined {
  return reference.includes(':') ? undefined : reference;
}
