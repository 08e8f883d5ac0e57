import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { indexBlob } from '@bpfship/media-types';
import type { OciLayoutStore } from '@bpfship/oras-client';
import { readStoredPackage, removeBlob } from './stored-package.ts';
import type { ServiceState } from './state-schema.ts';

/** Removes everything from the local store that no generation needs. @returns the digests that were removed. */
export async function collectGarbage(store: OciLayoutStore, states: readonly ServiceState[]): Promise<string[]> {
  const needed = new Set<string>();
  for (const generation of states.flatMap(({ generations }) => generations)) {
    const { manifest } = await readStoredPackage(store, generation);
    for (const digest of [
      generation.manifest.digest,
      indexBlob(manifest).digest,
      generation.layer,
      ...(generation.prefetched ?? []),
    ])
      needed.add(digest);
    for (const extra of [generation.supplement, generation.signature]) if (extra) needed.add(extra.digest);
  }
  await store.prune((digest) => needed.has(digest));
  const removed: string[] = [];
  for (const algorithm of ['sha256', 'sha512']) {
    const folder = join(store.path, 'blobs', algorithm);
    for (const hex of await readdir(folder).catch((): string[] => [])) {
      if (needed.has(`${algorithm}:${hex}`)) continue;
      await removeBlob(store, `${algorithm}:${hex}`);
      removed.push(`${algorithm}:${hex}`);
    }
  }
  return removed;
}
