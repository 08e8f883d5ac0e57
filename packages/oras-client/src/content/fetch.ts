import { type Descriptor, isManifest, type ImageIndex, type Manifest, MAX_MANIFEST_SIZE } from '../descriptor.ts';
import { verifyBytes } from '../digest.ts';
import { OciError } from '../errors.ts';
import type { CallOptions, ReadOnlyStorage, ReadOnlyTarget } from './content.ts';
import { parseManifest } from './manifest.ts';
import { checkRange } from './range.ts';

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
  const inline = inlineContent(descriptor);
  if (inline) return inline;
  const chunks: Uint8Array[] = [];
  for await (const chunk of await storage.fetch(descriptor, options)) chunks.push(chunk);
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
}

/** A part of content. */
export interface PartialContent {
  bytes: Uint8Array;
  /** True where the part is the whole, which was held against its digest. A smaller part cannot be: believe it as far as the storage. */
  verified: boolean;
}

/**
 * Fetches a range of bytes into memory.
 *
 * @param range - first and last byte, both included.
 * @param options.maxBytes - bound on the length of the range; default 4 MiB.
 * @throws {OciError} `ERR_OCI_INVALID_RANGE`, `ERR_OCI_SIZE_EXCEEDED`, and what the storage throws.
 */
export async function fetchPartial(
  storage: ReadOnlyStorage,
  descriptor: Descriptor,
  range: readonly [first: number, last: number],
  options: CallOptions & { maxBytes?: number } = {},
): Promise<PartialContent> {
  checkRange(descriptor, range);
  const [first, last] = range;
  const length = last - first + 1;
  const limit = options.maxBytes ?? MAX_MANIFEST_SIZE;
  if (length > limit)
    throw new OciError('ERR_OCI_SIZE_EXCEEDED', `${length} bytes were asked for; at most ${limit} are read`);
  if (length === descriptor.size)
    return { bytes: await fetchBytes(storage, descriptor, { ...options, maxBytes: limit }), verified: true };
  const inline = inlineContent(descriptor);
  if (inline) return { bytes: inline.subarray(first, last + 1), verified: true };
  const chunks: Uint8Array[] = [];
  let received = 0;
  for await (const chunk of await storage.fetch(descriptor, { signal: options.signal, range })) {
    received += chunk.length;
    if (received > length) break;
    chunks.push(chunk);
  }
  if (received !== length) {
    throw new OciError('ERR_OCI_SIZE_MISMATCH', `${received} bytes of ${descriptor.digest} came instead of ${length}`);
  }
  return { bytes: Buffer.concat(chunks), verified: false };
}

/**
 * The content that a descriptor carries itself (image-spec descriptor.md, `data`), where it fits size and digest. What does not fit is passed
 * over: the storage has the content as well.
 */
export function inlineContent(descriptor: Descriptor): Uint8Array | undefined {
  const { data, size } = descriptor;
  // Base64 of other length cannot be it; so nothing large is decoded for nothing.
  if (typeof data !== 'string' || data.length !== 4 * Math.ceil(size / 3)) return undefined;
  const bytes = Buffer.from(data, 'base64');
  try {
    verifyBytes(bytes, descriptor);
    return bytes;
  } catch {
    return undefined;
  }
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
