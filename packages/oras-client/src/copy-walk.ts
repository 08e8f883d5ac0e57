import { fetchBytes } from './content/fetch.ts';
import { isIndexManifest, parseManifest, successorsOf } from './content/manifest.ts';
import { type BlobCopy, copyBlob } from './copy-blob.ts';
import {
  type CopyDestination,
  type CopyGraphOptions,
  type CopySource,
  type ManifestFilter,
  passes,
  positive,
} from './copy-options.ts';
import { type Descriptor, isManifest } from './descriptor.ts';
import { verifyBytes } from './digest.ts';
import { OciError, throwIfAborted } from './errors.ts';
import { createLimiter, type Limiter } from './limiter.ts';
import { atSide } from './side.ts';

/** Depth of nested indexes that is followed. */
const MAX_DEPTH = 16;
/** Manifests and blobs of one copy. */
const MAX_NODES = 50_000;
/** Blobs of a manifest from which on one question whether it is there is cheaper than one for each of them. */
const WORTH_ASKING = 4;

/** What the parts of a copy share. */
export interface Walk extends BlobCopy {
  src: CopySource;
  dst: CopyDestination;
  /** Ends the other transfers after a failure. */
  stop: AbortController;
  /** The first failure. */
  failure: { error: unknown } | undefined;
  /** What was begun, by digest: a part that two manifests share is copied once, and both wait for it. */
  nodes: Map<string, Promise<void>>;
  /** Copied manifests with how far they are from the root by subjects, in turn. */
  manifests: { descriptor: Descriptor; distance: number }[];
  limit: Limiter;
  maxDepth: number;
  maxNodes: number;
  entries: ManifestFilter | undefined;
  withReferrers: CopyGraphOptions['withReferrers'];
}

/** Where a manifest is in the graph. */
export interface Place {
  /** Of nested indexes. */
  depth: number;
  /** By subjects, from the root. */
  distance: number;
}

/** Begins a copy. @throws {OciError} `ERR_OCI_LIMIT` for a number that is none. */
export function startWalk(src: CopySource, dst: CopyDestination, options: CopyGraphOptions): Walk {
  const stop = new AbortController();
  const sameRegistry = src.registry !== undefined && src.registry === dst.registry;
  return {
    src,
    dst,
    mountFrom: options.mountFrom ?? (() => (sameRegistry ? src.name : undefined)),
    onProgress: options.onProgress,
    signal: options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal,
    stop,
    asked: { present: 0, missing: 0 },
    failure: undefined,
    nodes: new Map(),
    manifests: [],
    limit: createLimiter(positive(options.concurrency, 3, 'concurrency')),
    maxDepth: positive(options.maxDepth, MAX_DEPTH, 'maxDepth'),
    maxNodes: positive(options.maxNodes, MAX_NODES, 'maxNodes'),
    entries: options.entries,
    withReferrers: options.withReferrers,
  };
}

/** Does something for a manifest or blob, once in a copy. */
export function enter(walk: Walk, descriptor: Descriptor, action: () => Promise<void>): Promise<void> {
  const known = walk.nodes.get(descriptor.digest);
  if (known) return known;
  if (walk.nodes.size >= walk.maxNodes) {
    return Promise.reject(new OciError('ERR_OCI_LIMIT', `the artifact has more than ${walk.maxNodes} parts`));
  }
  const node = action();
  walk.nodes.set(descriptor.digest, node);
  return node;
}

/** Copies a blob, or a manifest with all it holds. @param known - its bytes, where they were fetched already. */
export function copyNode(walk: Walk, descriptor: Descriptor, place: Place, known?: Uint8Array): Promise<void> {
  return enter(walk, descriptor, async () => {
    if (!isManifest(descriptor)) return walk.limit(() => copyBlob(walk, descriptor));
    const bytes =
      known ??
      (await walk.limit(() => atSide('source', () => fetchBytes(walk.src, descriptor, { signal: walk.signal }))));
    return copyManifest(walk, descriptor, { bytes, tag: undefined, place });
  });
}

/** Copies what a manifest holds, and then the manifest. */
export async function copyManifest(
  walk: Walk,
  descriptor: Descriptor,
  { bytes, tag, place }: { bytes: Uint8Array; tag: string | undefined; place: Place },
): Promise<void> {
  const { depth, distance } = place;
  if (depth > walk.maxDepth) throw new OciError('ERR_OCI_LIMIT', `manifests are nested deeper than ${walk.maxDepth}`);
  const children = await atSide('source', async () => {
    // Verified whatever the source is: a graph of true digests has no circle, in which the parts would wait for each other.
    verifyBytes(bytes, descriptor);
    return wantedParts(walk, parseManifest(bytes, descriptor));
  });
  const copyAll = (parts: readonly Descriptor[]): Promise<void> =>
    allOrStop(
      walk,
      parts.map((child) => copyNode(walk, child, { depth: depth + 1, distance })),
    );
  const push = (): Promise<void> => walk.limit(() => pushManifest(walk, descriptor, bytes, tag));
  // A registry that has the manifest has its blobs, which it checked when it took it.
  const blobs = children.filter((child) => !isManifest(child));
  const hasBlobs = blobs.length >= WORTH_ASKING && (await hasManifest(walk, descriptor));
  await copyAll(hasBlobs ? children.filter((child) => isManifest(child)) : children);
  if (hasBlobs) {
    for (const blob of blobs) walk.onProgress?.({ descriptor: blob, phase: 'skipped', bytes: blob.size });
    // Unless somebody removed them since.
    await push().catch(async (error: unknown) => {
      if (!lacksBlobs(error)) throw error;
      await copyAll(blobs);
      await push();
    });
  } else await push();
  walk.manifests.push({ descriptor, distance });
}

async function hasManifest({ dst, signal, limit }: Walk, descriptor: Descriptor): Promise<boolean> {
  if (!('mount' in dst)) return false;
  return limit(() => atSide('destination', () => dst.exists(descriptor, { signal })));
}

/** Error codes of distribution-spec, "Error Codes". */
function lacksBlobs(error: unknown): boolean {
  return error instanceof OciError && /^(?:MANIFEST_)?BLOB_UNKNOWN$/.test(error.registryCode ?? '');
}

function wantedParts({ entries }: Walk, manifest: ReturnType<typeof parseManifest>): Descriptor[] {
  const parts = successorsOf(manifest);
  if (!entries || !isIndexManifest(manifest)) return parts;
  return parts.filter((part) => passes(part, entries));
}

/** A manifest is pushed even where it exists: only that makes a registry list one with a subject as a referrer. */
export async function pushManifest(walk: Walk, descriptor: Descriptor, bytes: Uint8Array, tag?: string): Promise<void> {
  const { dst, onProgress, signal } = walk;
  await atSide('destination', async () => {
    throwIfAborted(signal);
    if (tag !== undefined && dst.pushReference) return dst.pushReference(descriptor, bytes, tag, { signal });
    await dst.push(descriptor, bytes, { signal });
    if (tag !== undefined) await dst.tag(descriptor, tag, { signal });
  });
  onProgress?.({ descriptor, phase: 'done', bytes: descriptor.size });
}

/** Waits for all. After the first failure the others are stopped, and nothing goes on in the background when it is thrown. */
export async function allOrStop(walk: Walk, promises: Promise<void>[]): Promise<void> {
  let failed = false;
  const settled = promises.map((promise) =>
    promise.catch((error: unknown) => {
      failed = true;
      // Later failures are only the ends of what was stopped.
      walk.failure ??= { error };
      walk.stop.abort();
    }),
  );
  await Promise.all(settled);
  if (failed) throw walk.failure?.error;
}
