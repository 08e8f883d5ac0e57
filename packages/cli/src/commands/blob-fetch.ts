import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { once } from 'node:events';
import { pipeline } from 'node:stream/promises';
import { Command } from 'commander';
import {
  type Descriptor,
  OciLayoutStore,
  type ReadOnlyStorage,
  parseDigest,
  parseLayoutReference,
} from '@bpfship/oras-client';
import { descriptorData } from '../artifact/descriptor-data.ts';
import { openRepository, requireDigest } from '../artifact/open-repository.ts';
import { CliError } from '../cli-error.ts';
import type { CommandContext, GetContext } from '../context.ts';
import { fileError } from '../files.ts';
import { addExamples } from '../options/examples.ts';
import { addRegistryOptions, type RegistryOptionValues } from '../options/registry-options.ts';
import { createProgress } from '../terminal/progress.ts';
import { toJson } from '../terminal/sanitize.ts';
import { isInteractive } from '../terminal/streams.ts';

interface Values extends RegistryOptionValues {
  output?: string;
  descriptor?: boolean;
  pretty?: boolean;
  ociLayout?: boolean;
}

/** `bpfship blob fetch REPOSITORY@DIGEST` */
export function createBlobFetchCommand(getContext: GetContext): Command {
  const command = new Command('fetch')
    .alias('get')
    .summary('fetch a blob')
    .description(
      'Fetches a blob, verified while it flows; a transfer that breaks goes on where it stopped. A file appears only when all of it is right. Standard output gets the bytes as they come: only exit status 0 says that they were right.',
    )
    .argument('<blob>', 'repository@digest')
    .option('-o, --output <file>', 'where to write it; - is standard output')
    .option('--descriptor', 'print media type, digest and size instead')
    .option('--pretty', 'indent the JSON of --descriptor')
    .option('--oci-layout', 'the repository is an OCI layout folder');
  addExamples(addRegistryOptions(command), [
    ['Into a file', 'bpfship blob fetch -o layer.tar.gz ghcr.io/acme/exec-watch@sha256:9f86d081...'],
    ['Into another program', 'bpfship blob fetch -o - ghcr.io/acme/exec-watch@sha256:9f86d081... | tar -tzf -'],
    ['How large it is', 'bpfship blob fetch --descriptor ghcr.io/acme/exec-watch@sha256:9f86d081...'],
  ]);
  return command.action(async (blob: string, values: Values) => {
    const context = getContext();
    if ((values.output === undefined) === (values.descriptor !== true)) {
      throw new CliError(
        'ERR_CLI_USAGE',
        values.descriptor ? '--descriptor and --output exclude each other' : 'nothing says where the blob goes',
        'Name a file with --output (- is standard output), or ask for --descriptor.',
      );
    }
    if (values.output === '-' && context.options.format === 'json')
      throw new CliError(
        'ERR_CLI_USAGE',
        'standard output cannot be both the blob and JSON',
        'Name a file with --output.',
      );
    await using opened = await openBlob(blob, values, context);
    await fetchBlob(opened, values, context);
  });
}

interface OpenedBlob extends AsyncDisposable {
  storage: ReadOnlyStorage;
  location: string;
  descriptor: Descriptor;
}

async function openBlob(blob: string, values: Values, context: CommandContext): Promise<OpenedBlob> {
  if (values.ociLayout) {
    const { path, reference } = parseLayoutReference(blob);
    const digest = requireDigest({ digest: reference?.includes(':') ? reference : undefined, location: path });
    const storage = await OciLayoutStore.open(path);
    const descriptor = await descriptorInLayout(path, digest);
    return { storage, location: path, descriptor, [Symbol.asyncDispose]: () => Promise.resolve() };
  }
  const opened = await openRepository(blob, values, context);
  try {
    const descriptor = await opened.repository.resolveBlob(requireDigest(opened), { signal: context.signal });
    return { ...opened, storage: opened.repository, descriptor };
  } catch (error) {
    await opened[Symbol.asyncDispose]();
    throw error;
  }
}

/** A layout's blob is a file named by its digest (image-spec image-layout.md). */
async function descriptorInLayout(path: string, digest: string): Promise<Descriptor> {
  const { algorithm, hex } = parseDigest(digest);
  const file = `${path}/blobs/${algorithm}/${hex}`;
  const { size } = await stat(file).catch((error: unknown) => {
    throw fileError(error, file, 'read');
  });
  return { mediaType: 'application/octet-stream', digest, size };
}

async function fetchBlob(
  { storage, location, descriptor }: OpenedBlob,
  { output, descriptor: onlyDescriptor, pretty }: Values,
  context: CommandContext,
): Promise<void> {
  const { printer, streams, options, signal } = context;
  const { mediaType, digest, size } = descriptor;
  if (onlyDescriptor || output === undefined) {
    const plain = { mediaType, digest, size };
    printer.result({ text: toJson(plain, pretty ? 2 : undefined), data: plain, brief: digest });
    return;
  }
  const source = await storage.fetch(descriptor, { signal });
  if (output === '-') {
    for await (const chunk of source) if (!streams.stdout.write(chunk)) await once(streams.stdout, 'drain', { signal });
    return;
  }
  const progress = createProgress(streams, {
    interactive: isInteractive(streams, !options.tty),
    quiet: options.quiet,
    words: { doing: 'Downloading', done: 'Downloaded' },
  });
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    let bytes = 0;
    for await (const chunk of source) {
      bytes += chunk.length;
      progress.onProgress({ descriptor, phase: 'bytes', bytes });
      yield chunk;
    }
  };
  try {
    await writeWhole(output, counted(), signal);
    progress.onProgress({ descriptor, phase: 'done', bytes: size });
  } finally {
    progress.close();
  }
  const data = { ...descriptorData(location, descriptor), path: output };
  printer.result({ text: `Fetched ${output}\nDigest: ${digest}`, data, brief: output });
}

/** The file has its name only when all of it is there and right. */
async function writeWhole(path: string, source: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
  const temporary = `${path}.${process.pid}.partial`;
  try {
    await pipeline(source, createWriteStream(temporary, { flags: 'wx' }), { signal });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw fileError(error, path, 'written');
  }
}
