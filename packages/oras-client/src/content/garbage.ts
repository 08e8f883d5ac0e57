import { lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Descriptor, isManifest } from '../descriptor.ts';
import { OciError, storageError, throwIfAborted } from '../errors.ts';
import type { ReadOnlyStorage } from './content.ts';
import { readIfManifest } from './layout-index.ts';
import { successorsOf } from './manifest.ts';

/** What a process that was killed left of a blob (atomic-file.ts). */
const UNFINISHED = /^[a-f0-9]{64,128}\.[a-f0-9-]{36}\.tmp$/;
/** Parts that are followed. */
const MAX_NODES = 1_000_000;

/**
 * Digests of everything that some manifests hold, of their subjects, and of what is in those.
 *
 * @throws {OciError} `ERR_OCI_LIMIT`, and what reading throws: what cannot be read must not be taken for empty.
 */
export async function reachableFrom(
  storage: ReadOnlyStorage,
  roots: readonly Descriptor[],
  signal: AbortSignal | undefined,
): Promise<Set<string>> {
  const reached = new Set<string>();
  const waiting = [...roots];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    throwIfAborted(signal);
    if (reached.has(node.digest)) continue;
    reached.add(node.digest);
    if (reached.size > MAX_NODES) throw new OciError('ERR_OCI_LIMIT', `the layout has more than ${MAX_NODES} parts`);
    const manifest = isManifest(node) ? await readIfManifest(storage, node, signal) : undefined;
    if (manifest) waiting.push(...successorsOf(manifest), ...(manifest.subject ? [manifest.subject] : []));
  }
  return reached;
}

/**
 * Removes blobs, and blobs that were never finished, from the folder `blobs` of a layout; other files there are left alone.
 *
 * @param options.kept - digests that stay.
 * @param options.before - only what was last written before this time, in milliseconds since 1970.
 * @returns the digests that were removed, sorted.
 */
export async function removeBlobs(
  folder: string,
  { kept, before, signal }: { kept: ReadonlySet<string>; before: number; signal: AbortSignal | undefined },
): Promise<string[]> {
  const removed: string[] = [];
  try {
    for (const [algorithm, name] of [
      ['sha256', /^[a-f0-9]{64}$/],
      ['sha512', /^[a-f0-9]{128}$/],
    ] as const) {
      for (const hex of await namesIn(join(folder, algorithm))) {
        throwIfAborted(signal);
        const file = join(folder, algorithm, hex);
        const isBlob = name.test(hex);
        if (!(isBlob || UNFINISHED.test(hex)) || kept.has(`${algorithm}:${hex}`)) continue;
        // Another process may have removed it meanwhile.
        const info = await lstat(file).catch(() => undefined);
        if (!info || info.mtimeMs > before) continue;
        await rm(file, { force: true });
        if (isBlob) removed.push(`${algorithm}:${hex}`);
      }
    }
  } catch (error) {
    throw storageError(error, `removing blobs from ${folder}`);
  }
  return removed.sort();
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
