import { Command } from 'commander';
import { digestOf, verifyBytes } from '@bpfship/oras-client';
import { pushBlobs } from '../artifact/push-blobs.ts';
import { readSourceFile, type SourceBlob } from '../artifact/source-file.ts';
import { openPushTarget } from '../artifact/tags.ts';
import { CliError } from '../cli-error.ts';
import type { CommandContext, GetContext } from '../context.ts';
import { readStdin } from '../files.ts';
import { addExamples } from '../options/examples.ts';
import { wholeNumber } from '../options/numbers.ts';
import { addRegistryOptions, type RegistryOptionValues } from '../options/registry-options.ts';
import { createProgress } from '../terminal/progress.ts';
import { isInteractive } from '../terminal/streams.ts';
import { printPushed } from './manifest-push.ts';

interface Values extends RegistryOptionValues {
  size?: number;
  mediaType: string;
  descriptor?: boolean;
  pretty?: boolean;
  ociLayout?: boolean;
}

/** Bytes of a blob from standard input, which is held in memory until its digest is known. */
const MAX_STDIN = 64 * 1024 * 1024;

/** `bpfship blob push REPOSITORY FILE` */
export function createBlobPushCommand(getContext: GetContext): Command {
  const command = new Command('push')
    .summary('push a file as a blob')
    .description(
      'Pushes a file as a blob, where the repository lacks it. From standard input at most 64 MiB are taken.',
    )
    .argument('<repository>', 'where to; with @digest, the file must have this digest')
    .argument('<file>', 'the file; - is standard input')
    .option('--size <bytes>', 'refuse it unless it has this size', wholeNumber(0))
    .option('--media-type <type>', 'what the printed descriptor says', 'application/vnd.oci.image.layer.v1.tar')
    .option('--descriptor', 'print media type, digest and size of what was pushed')
    .option('--pretty', 'indent what is printed')
    .option('--oci-layout', 'the repository is an OCI layout folder');
  addExamples(addRegistryOptions(command), [
    ['Push a file', 'bpfship blob push ghcr.io/acme/exec-watch layer.tar.gz'],
    ['The descriptor for a manifest', 'bpfship blob push --descriptor ghcr.io/acme/exec-watch layer.tar.gz'],
    ['From standard input', 'tar -cz src | bpfship blob push ghcr.io/acme/exec-watch -'],
  ]);
  return command.action(async (where: string, file: string, values: Values) => {
    const context = getContext();
    const { streams, options, signal } = context;
    if (file === '-' && (values.passwordStdin || values.identityTokenStdin))
      throw new CliError(
        'ERR_CLI_USAGE',
        'standard input cannot be both the blob and the password',
        'Name a file, or log in with "bpfship login" before.',
      );
    const blob = await readBlob(file, values, context);
    await using place = await openPushTarget(where, values, context);
    checkBlob(blob, { digest: place.digest, size: values.size, where });
    if (place.tags.length > 0)
      throw new CliError('ERR_CLI_USAGE', 'a blob has no tag', `Name the repository alone: ${place.location}`);
    const progress = createProgress(streams, {
      interactive: isInteractive(streams, !options.tty),
      quiet: options.quiet,
      words: { doing: 'Pushing', done: 'Pushed' },
    });
    try {
      await pushBlobs(place.target, [blob], { concurrency: 1, onProgress: progress.onProgress, signal });
    } finally {
      progress.close();
    }
    printPushed({ ...place, tags: [], descriptor: blob.descriptor }, values, context);
  });
}

async function readBlob(file: string, { mediaType }: Values, context: CommandContext): Promise<SourceBlob> {
  if (file !== '-') return readSourceFile({ path: file, mediaType }, context.signal);
  const bytes = await readStdin(context.streams, MAX_STDIN);
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, content: bytes };
}

function checkBlob(
  { descriptor, content }: SourceBlob,
  { digest, size, where }: { digest: string | undefined; size: number | undefined; where: string },
): void {
  if (size !== undefined && size !== descriptor.size) {
    throw new CliError(
      'ERR_CLI_FILE',
      `the blob has ${descriptor.size} bytes, not ${size} as --size says`,
      'Check that it is the file you meant.',
    );
  }
  if (digest === undefined || digest === descriptor.digest) return;
  // A digest of another algorithm can be checked where the bytes are here.
  if (!digest.startsWith('sha256:') && content instanceof Uint8Array) {
    verifyBytes(content, { ...descriptor, digest });
    descriptor.digest = digest;
    return;
  }
  throw new CliError(
    'ERR_CLI_FILE',
    `the blob has the digest ${descriptor.digest}, not that of ${where}`,
    'Check that it is the file you meant.',
  );
}
