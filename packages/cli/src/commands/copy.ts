import { Command } from 'commander';
import { copy, requireReference } from '@bpfship/oras-client';
import type { GetContext } from '../context.ts';
import { addExamples } from '../options/examples.ts';
import { wholeNumber } from '../options/numbers.ts';
import { addRegistryOptions, openReference, type RegistryOptionValues } from '../options/registry-options.ts';
import { suggestingCompat } from '../suggest-compat.ts';
import { createProgress } from '../terminal/progress.ts';
import { isInteractive } from '../terminal/streams.ts';

interface Values extends RegistryOptionValues {
  fromOciLayout?: boolean;
  toOciLayout?: boolean;
  recursive: boolean;
  concurrency: number;
}

/** `bpfship copy SOURCE DESTINATION` */
export function createCopyCommand(getContext: GetContext): Command {
  const command = new Command('copy')
    .alias('cp')
    .summary('copy a package between registries and folders')
    .description(
      'Copies an artifact byte for byte, so that its digest and signatures stay valid. --username and --password-stdin are for the destination, or for the source where the destination is a folder; "bpfship login" stores credentials of both.',
    )
    .argument('<source>', 'reference, or folder:tag with --from-oci-layout')
    .argument('<destination>', 'reference, or folder:tag with --to-oci-layout')
    .option('--from-oci-layout', 'the source is an OCI layout folder')
    .option('--to-oci-layout', 'the destination is an OCI layout folder; it is made where it is missing')
    .option('--no-recursive', 'leave signatures and other referrers behind')
    .option('--concurrency <number>', 'blobs at the same time', wholeNumber(1, 64), 3);
  addExamples(addRegistryOptions(command), [
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
    await using source = await openReference(from, sourceValues(values), context);
    await using destination = await openReference(to, destinationValues(values), context, { create: true });
    const progress = createProgress(streams, {
      interactive: isInteractive(streams, !options.tty),
      quiet: options.quiet,
      words: { doing: 'Copying', done: 'Copied' },
    });
    try {
      const reference = requireReference(source);
      const descriptor = await suggestingCompat({ target: source.target, reference }, () =>
        copy(source.target, reference, destination.target, destination.reference ?? tagOf(reference), {
          concurrency: values.concurrency,
          withReferrers: values.recursive,
          onProgress: progress.onProgress,
          signal,
        }),
      );
      printer.result({
        text: `Copied ${source.display} => ${destination.display}\nDigest: ${descriptor.digest}`,
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

function destinationValues({
  username,
  passwordStdin,
  toOciLayout,
  ...values
}: Values): Values & { ociLayout: boolean } {
  if (toOciLayout) return { ...values, ociLayout: true };
  return {
    ...values,
    ociLayout: false,
    ...(username === undefined ? {} : { username }),
    ...(passwordStdin === undefined ? {} : { passwordStdin }),
  };
}

/** A password on the command line is for one registry only: the destination, or the source where the destination is a folder. */
function sourceValues({ username, passwordStdin, fromOciLayout, ...values }: Values): Values & { ociLayout: boolean } {
  return {
    ...values,
    ociLayout: fromOciLayout ?? false,
    ...(values.toOciLayout && username !== undefined ? { username } : {}),
    ...(values.toOciLayout && passwordStdin !== undefined ? { passwordStdin } : {}),
  };
}

/** A tag is kept at the destination where none is given; a digest is none. */
function tagOf(reference: string): string | undefined {
  return reference.includes(':') ? undefined : reference;
}
