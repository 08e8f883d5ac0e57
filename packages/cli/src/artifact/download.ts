import { createWriteStream } from 'node:fs';
import { lstat, mkdir, mkdtemp, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Descriptor, fetchBytes, makeFolder, type ReadOnlyTarget } from '@bpfship/oras-client';
import { CliError } from '../cli-error.ts';
import { fileError } from '../files.ts';
import { inParallel } from './parallel.ts';
import { checkTitles } from './titles.ts';

/** Layers up to this size, in bytes, are written at once: streams cost more than they save. */
const SMALL = 256 * 1024;

/** A layer that becomes a file. */
export interface FileLayer {
  descriptor: Descriptor;
  /** Path below the folder, with `/`. */
  title: string;
}

/** A layer that is a file now. */
export interface DownloadedFile extends FileLayer {
  path: string;
}

/** Options of {@link downloadFiles}. */
export interface DownloadOptions {
  concurrency: number;
  /** Files that are there are an error instead of replaced. */
  keepOldFiles: boolean;
  onFile: (file: DownloadedFile) => void;
  signal: AbortSignal;
}

/**
 * Downloads layers as files named by their titles. The files appear together, when all are there and their digests are right; where
 * anything fails before, nothing is left behind. Nothing outside of the folder is written: titles lead nowhere else, and symbolic links are
 * replaced, never followed.
 *
 * @throws {CliError} `ERR_CLI_FILE` for titles that are no paths below the folder, and for what the file system refuses; {OciError}.
 */
export async function downloadFiles(
  target: ReadOnlyTarget,
  layers: readonly FileLayer[],
  folder: string,
  options: DownloadOptions,
): Promise<DownloadedFile[]> {
  checkTitles(layers.map(({ title, descriptor }) => ({ title, digest: descriptor.digest })));
  const files = layers.map((layer) => ({ ...layer, path: join(folder, layer.title) }));
  let made: string | undefined;
  try {
    made = await makeFolder(folder);
    for (const { title } of layers) await checkPlace(folder, title, options.keepOldFiles);
    await using staging = await stagingFolder(folder);
    await inParallel([...files.entries()], options, async ([i, file], signal) => {
      await writeLayer(target, file.descriptor, join(staging.path, String(i)), signal);
      options.onFile(file);
    });
    for (const [i, { path, title }] of files.entries()) {
      if (title.includes('/')) await makeParents(folder, title);
      await rename(join(staging.path, String(i)), path);
    }
    return files;
  } catch (error) {
    // Only what is empty goes: a folder that was there before, or that others write into, stays.
    if (made !== undefined) await rmdir(folder).catch(() => undefined);
    throw fileError(error, folder, 'written');
  }
}

/** What is at the place of a file may be a file or a link, which is replaced; what is above it must be folders. */
async function checkPlace(folder: string, title: string, keepOldFiles: boolean): Promise<void> {
  const parts = title.split('/');
  for (let end = 1; end <= parts.length; end++) {
    const path = join(folder, ...parts.slice(0, end));
    const found = await lstat(path).catch(ignoreMissing);
    if (found === undefined) return;
    const isLast = end === parts.length;
    if (isLast ? found.isDirectory() : !found.isDirectory()) {
      throw new CliError(
        'ERR_CLI_FILE',
        `${path} cannot be written: ${isLast ? 'there is a folder of this name' : found.isSymbolicLink() ? 'it is a symbolic link, not a folder' : 'it is not a folder'}`,
        'Move it away, or name another folder with --output.',
      );
    }
    if (isLast && keepOldFiles) {
      throw new CliError(
        'ERR_CLI_FILE',
        `${path} is there already`,
        'Move it away, name another folder with --output, or leave --keep-old-files out to replace it.',
      );
    }
  }
}

/** Folder by folder, and each is looked at again: what was checked before the download may have changed. */
async function makeParents(folder: string, title: string): Promise<void> {
  const parts = dirname(title).split('/');
  for (let end = 1; end <= parts.length; end++) {
    const path = join(folder, ...parts.slice(0, end));
    await mkdir(path).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST' || !(await lstat(path)).isDirectory()) throw error;
    });
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
  return undefined;
}

async function stagingFolder(folder: string): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(folder, '.bpfship-pull-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

async function writeLayer(target: ReadOnlyTarget, layer: Descriptor, path: string, signal: AbortSignal): Promise<void> {
  if (layer.size <= SMALL) {
    await writeFile(path, await fetchBytes(target, layer, { signal }));
    return;
  }
  const { pipeline } = await import('node:stream/promises');
  await pipeline(await target.fetch(layer, { signal }), createWriteStream(path), { signal });
}
