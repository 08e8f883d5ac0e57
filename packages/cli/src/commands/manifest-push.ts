import { createReadStream } from 'node:fs';
import { Command } from 'commander';
import { digestOf, isManifest, MANIFEST_MEDIA_TYPES, MAX_MANIFEST_SIZE, verifyBytes } from '@bpfship/oras-client';
import { descriptorData } from '../artifact/descriptor-data.ts';
import { pushTagged } from '../artifact/push-artifact.ts';
import { openPushTarget } from '../artifact/tags.ts';
import { CliError } from '../cli-error.ts';
import type { CommandContext, GetContext } from '../context.ts';
import { fileError, readStdin } from '../files.ts';
import { addExamples } from '../options/examples.ts';
import { addRegistryOptions, type RegistryOptionValues } from '../options/registry-options.ts';
import { toJson } from '../terminal/sanitize.ts';

interface Values extends RegistryOptionValues {
  mediaType?: string;
  descriptor?: boolean;
  pretty?: boolean;
  ociLayout?: boolean;
}

/** `bpfship manifest push REFERENCE FILE` */
export function createManifestPushCommand(getContext: GetContext): Command {
  const command = new Command('push')
    .summary('push a manifest')
    .description(
      'Pushes a manifest or index as it is, byte for byte, under one or several tags. What it names must be there before. At most 4 MiB are taken.',
    )
    .argument('<reference>', 'where to: repository, with tag[,tag...] or @digest')
    .argument('<file>', 'the manifest; - is standard input')
    .option('--media-type <type>', 'of the manifest (default: its own "mediaType")')
    .option('--descriptor', 'print media type, digest and size of what was pushed')
    .option('--pretty', 'indent what is printed')
    .option('--oci-layout', 'the reference is an OCI layout folder');
  addExamples(addRegistryOptions(command), [
    ['Push a manifest', 'bpfship manifest push ghcr.io/acme/exec-watch:1.0.0 manifest.json'],
    ['Under two tags', 'bpfship manifest push ghcr.io/acme/exec-watch:1.0.0,latest manifest.json'],
    ['From standard input', 'jq -c . index.json | bpfship manifest push ghcr.io/acme/exec-watch:all -'],
  ]);
  return command.action(async (reference: string, file: string, values: Values) => {
    const context = getContext();
    const { signal } = context;
    if (file === '-' && (values.passwordStdin || values.identityTokenStdin))
      throw new CliError(
        'ERR_CLI_USAGE',
        'standard input cannot be both the manifest and the password',
        'Name a file, or log in with "bpfship login" before.',
      );
    const bytes = file === '-' ? await readStdin(context.streams, MAX_MANIFEST_SIZE) : await readManifestFile(file);
    const mediaType = values.mediaType ?? ownMediaType(bytes);
    if (!isManifest({ mediaType })) {
      throw new CliError(
        'ERR_CLI_USAGE',
        `"${mediaType.slice(0, 128)}" is not the media type of a manifest`,
        `Name one with --media-type: ${MANIFEST_MEDIA_TYPES.join(', ')}`,
      );
    }
    await using place = await openPushTarget(reference, values, context);
    const descriptor = { mediaType, digest: place.digest ?? digestOf(bytes), size: bytes.length };
    verifyBytes(bytes, descriptor);
    await pushTagged(place.target, descriptor, bytes, { tags: place.tags, signal });
    printPushed({ ...place, descriptor }, values, context);
  });
}

/** Prints what was pushed: with `--descriptor` only that. */
export function printPushed(
  {
    descriptor,
    location,
    display,
    tags = [],
  }: {
    descriptor: { mediaType: string; digest: string; size: number };
    location: string;
    display: string;
    tags?: readonly string[];
  },
  values: { descriptor?: boolean; pretty?: boolean },
  { printer }: CommandContext,
): void {
  const { mediaType, digest, size } = descriptor;
  const data = descriptorData(location, descriptor);
  const text = values.descriptor
    ? toJson({ mediaType, digest, size }, values.pretty ? 2 : undefined)
    : [`Pushed ${display}`, ...tags.slice(1).map((tag) => `Tagged ${tag}`), `Digest: ${digest}`].join('\n');
  const references = tags.length > 0 ? { referenceAsTags: tags.map((tag) => `${location}:${tag}`) } : {};
  printer.result({
    text,
    data: values.descriptor ? { mediaType, digest, size } : { ...data, ...references },
    brief: data.reference,
  });
}

async function readManifestFile(path: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MAX_MANIFEST_SIZE) break;
      chunks.push(chunk);
    }
  } catch (error) {
    throw fileError(error, path, 'read');
  }
  if (size > MAX_MANIFEST_SIZE)
    throw new CliError(
      'ERR_CLI_FILE',
      `${path} is larger than the 4 MiB that a manifest may have`,
      'Check that it is the file you meant.',
    );
  return Buffer.concat(chunks);
}

function ownMediaType(bytes: Uint8Array): string {
  let mediaType: unknown;
  try {
    ({ mediaType } = JSON.parse(Buffer.from(bytes).toString('utf8')) as { mediaType?: unknown });
  } catch (cause) {
    throw new CliError(
      'ERR_CLI_FILE',
      'what is to be pushed is not JSON',
      'A manifest is a JSON object (OCI image specification).',
      { cause },
    );
  }
  if (typeof mediaType === 'string') return mediaType;
  throw new CliError(
    'ERR_CLI_USAGE',
    'the manifest does not say its media type',
    `Name it with --media-type: ${MANIFEST_MEDIA_TYPES.join(', ')}`,
  );
}
