import { type Descriptor, isManifest, type ImageIndex, type Manifest, MAX_MANIFEST_SIZE } from '../descriptor.ts';
import { OciError } from '../errors.ts';
import type { CallOptions, ReadOnlyStorage, ReadOnlyTarget } from './content.ts';
import { parseManifest } from './manifest.ts';

/**
 * Fetches content into memory, verified.
 *
 * @param options.maxBytes - the descriptor's size is checked against it before anything is asked; default 4 MiB.
 * @throws {OciError} `ERR_OCI_SIZE_EXCEEDED`, and what the storage throws.
 */
export async function fetchBytes(
  storage: ReadOnlyStorage,
  descriptor: Descriptor,
  options: CallOptions & { maxBytes?: number } = {},
): Promise<Uint8Array> {
  const limit = options.maxBytes ?? MAX_MANIFEST_SIZE;
  if (!Number.isSafeInteger(descriptor.size) || descriptor.size < 0 || descriptor.size > limit) {
    throw new OciError(
      'ERR_OCI_SIZE_EXCEEDED',
      `${descriptor.digest} states ${descriptor.size} bytes; at most ${limit} are read`,
      {
        hint: 'The artifact is not what this command expects, or it is hostile.',
      },
    );
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of await storage.fetch(descriptor, options)) chunks.push(chunk);
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
}

/** Fetches and parses a manifest or index by its descriptor. @throws {OciError} `ERR_OCI_INVALID_MANIFEST`. */
export async function fetchManifest(
  storage: ReadOnlyStorage,
  descriptor: Descriptor,
  options?: CallOptions,
): Promise<{ manifest: Manifest | ImageIndex; bytes: Uint8Array }> {
  if (!isManifest(descriptor)) {
    throw new OciError(
      'ERR_OCI_INVALID_MANIFEST',
      `${descriptor.digest} has media type ${descriptor.mediaType}, which is no manifest’s`,
    );
  }
  const bytes = await fetchBytes(storage, descriptor, options);
  return { manifest: parseManifest(bytes, descriptor), bytes };
}

/** A manifest with its bytes, as one reference gave it. */
export interface FetchedReference {
  descriptor: Descriptor;
  bytes: Uint8Array;
}

/** A target that resolves and fetches a manifest in one request. */
export interface ReferenceFetcher {
  fetchReference(reference: string, options?: CallOptions): Promise<FetchedReference>;
}

/** Resolves a reference and fetches its manifest: in one request where the target can. */
export async function fetchReference(
  target: ReadOnlyTarget & Partial<ReferenceFetcher>,
  reference: string,
  options?: CallOptions,
): Promise<FetchedReference> {
  if (target.fetchReference) return target.fetchReference(reference, options);
  const descriptor = await target.resolve(reference, options);
  return { descriptor, bytes: await fetchBytes(target, descriptor, options) };
}
