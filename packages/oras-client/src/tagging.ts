import type {
  CallOptions,
  ReadOnlyStorage,
  ReferencePusher,
  Resolver,
  Storage,
  Tagger,
  Target,
} from './content/content.ts';
import { fetchBytes } from './content/fetch.ts';
import type { PlatformFilter } from './copy-options.ts';
import { type Descriptor, isManifest } from './descriptor.ts';
import { digestOf } from './digest.ts';
import { OciError } from './errors.ts';
import { createLimiter } from './limiter.ts';
import { selectPlatform } from './platform.ts';

/** Options of {@link tagN}. */
export interface TagOptionsN extends CallOptions {
  /** Tags at the same time. Default 5. */
  concurrency?: number;
}

/** Options of {@link resolve}. */
export interface ResolveOptions extends CallOptions {
  /** Of an index, the manifest for this platform. */
  platform?: PlatformFilter;
}

/** Resolves a tag or digest, and where a platform is given the manifest for it. @throws {OciError} `ERR_OCI_NOT_FOUND`. */
export async function resolve(
  target: ReadOnlyStorage & Resolver,
  reference: string,
  { platform, ...options }: ResolveOptions = {},
): Promise<Descriptor> {
  const root = await target.resolve(reference, options);
  return platform ? selectPlatform(target, root, platform, options) : root;
}

/** Gives a manifest one more tag. @returns its descriptor. @throws {OciError}. */
export function tag(
  target: Target & Partial<ReferencePusher>,
  reference: string,
  newTag: string,
  options: CallOptions = {},
): Promise<Descriptor> {
  return tagN(target, reference, [newTag], options);
}

/**
 * Gives a manifest several tags. Its bytes are fetched once, where the target takes manifest and tag in one request.
 *
 * @returns its descriptor.
 * @throws {OciError} the first failure; tags that were given before stay.
 */
export async function tagN(
  target: Target & Partial<ReferencePusher>,
  reference: string,
  newTags: readonly string[],
  options: TagOptionsN = {},
): Promise<Descriptor> {
  const { concurrency = 5, signal } = options;
  const descriptor = await target.resolve(reference, { signal });
  const bytes = target.pushReference ? await fetchBytes(target, descriptor, { signal }) : undefined;
  await tagAll(target, { descriptor, bytes, tags: newTags, concurrency, signal });
  return descriptor;
}

/**
 * Pushes a manifest's bytes under several tags.
 *
 * @throws {OciError} `ERR_OCI_INVALID_MANIFEST` for a media type that is no manifest's, and what the target throws.
 */
export async function tagBytes(
  target: Storage & Tagger & Partial<ReferencePusher>,
  mediaType: string,
  bytes: Uint8Array,
  tags: readonly string[],
  { concurrency = 5, signal }: TagOptionsN = {},
): Promise<Descriptor> {
  const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.length };
  if (!isManifest(descriptor))
    throw new OciError(
      'ERR_OCI_INVALID_MANIFEST',
      `${mediaType} is no manifest's media type; only manifests have tags`,
    );
  if (!target.pushReference || tags.length === 0) await target.push(descriptor, bytes, { signal });
  await tagAll(target, { descriptor, bytes, tags, concurrency, signal });
  return descriptor;
}

async function tagAll(
  target: Tagger & Partial<ReferencePusher>,
  {
    descriptor,
    bytes,
    tags,
    concurrency,
    signal,
  }: {
    descriptor: Descriptor;
    bytes: Uint8Array | undefined;
    tags: readonly string[];
    concurrency: number;
    signal: AbortSignal | undefined;
  },
): Promise<void> {
  const limit = createLimiter(concurrency);
  const given = [...new Set(tags)].map((name) =>
    limit(async () => {
      if (bytes && target.pushReference) await target.pushReference(descriptor, bytes, name, { signal });
      else await target.tag(descriptor, name, { signal });
    }),
  );
  const failed = (await Promise.allSettled(given)).find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
}
