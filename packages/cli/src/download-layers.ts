import { createWriteStream } from 'node:fs';
import { mkdtemp, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ANNOTATION_TITLE, type ServiceDescriptor } from '@bpfship/media-types';
import { makeFolder, type ReadOnlyTarget } from '@bpfship/oras-client';
import { CliError } from './cli-error.ts';
import { fileError } from './files.ts';

/** A layer that is a file now. */
export interface DownloadedFile {
  path: string;
  mediaType: string;
  digest: string;
  /** Bytes. */
  size: number;
}

/**
 * Downloads layers as files named by their titles. The files appear together, when all are there and their digests are right; where
 * anything fails, nothing is left behind.
 *
 * @throws {CliError} for titles that are no plain file names, and for what the file system refuses; {OciError}.
 */
export async function downloadLayers(
  target: ReadOnlyTarget,
  layers: readonly ServiceDescriptor[],
  folder: string,
  options: { onFile: (file: DownloadedFile) => void; signal: AbortSignal },
): Promise<DownloadedFile[]> {
  const names = layers.map(plainFileName);
  const made = await makeFolder(folder).catch((error: unknown) => {
    throw fileError(error, folder, 'written');
  });
  const files: DownloadedFile[] = [];
  try {
    await using staging = await stagingFolder(folder);
    for (const [i, layer] of layers.entries()) {
      await writeLayer(target, layer, join(staging.path, names[i] ?? ''), options.signal);
      const { mediaType, digest, size } = layer;
      const file = { path: join(folder, names[i] ?? ''), mediaType, digest, size };
      files.push(file);
      options.onFile(file);
    }
    for (const [i, { path }] of files.entries()) await rename(join(staging.path, names[i] ?? ''), path);
    return files;
  } catch (error) {
    // Only what is empty goes: a folder that was there before, or that others write into, stays.
    if (made !== undefined) await rmdir(folder).catch(() => undefined);
    throw fileError(error, folder, 'written');
  }
}

/** Titles come from the registry: only a plain file name is taken, each once. */
function plainFileName(layer: ServiceDescriptor, i: number, all: readonly ServiceDescriptor[]): string {
  const title = layer.annotations?.[ANNOTATION_TITLE] ?? '';
  const plain = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,254}$/.test(title);
  const first = all.findIndex(({ annotations }) => annotations?.[ANNOTATION_TITLE] === title) === i;
  if (plain && first) return title;
  throw new CliError(
    'ERR_CLI_FILE',
    `layer ${layer.digest} has the title ${JSON.stringify(title.slice(0, 128))}, which is ${plain ? 'another layer’s too' : 'no plain file name'}`,
    'Ask the publisher of the package to build it again.',
  );
}

async function stagingFolder(folder: string): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(folder, '.bpfship-pull-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

async function writeLayer(
  target: ReadOnlyTarget,
  layer: ServiceDescriptor,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  await pipeline(await target.fetch(layer, { signal }), createWriteStream(path), { signal });
}
