import type { GraphSource, Mounter, ReadOnlyTarget, ReferencePusher, Target } from './content/content.ts';
import { fetchBytes, fetchReference } from './content/fetch.ts';
import { parseManifest, successorsOf } from './content/manifest.ts';
import { type BlobCopy, copyBlob } from './copy-blob.ts';
import { type Descriptor, isManifest } from './descriptor.ts';
import { verifyBytes } from './digest.ts';
import { OciError, throwIfAborted } from './errors.ts';
import { createLimiter, type Limiter } from './limiter.ts';
import { atSide } from './side.ts';

/** Depth of nested indexes that is followed. */
const MAX_DEPTH = 16;
/** Manifests and blobs of one copy. */
const MAX_NODES = 50_000;

/** What a transfer tells of one blob or manifest. */
export interface ProgressEvent {
  descriptor: Descriptor;
  /** `start` and `bytes` for what is transferred; `skipped`, `mounted` or `done` at the end of each. */
  phase: 'start' | 'bytes' | 'skipped' | 'mounted' | 'done';
  /** Bytes so far. */
  bytes: number;
}

/** Options of {@link copy}. */
export interface CopyOptions {
  /** Transfers at the same time. Default 3. */
  concurrency?: number;
  /** Also copies what refers to the root and to what it holds: signatures, attestations. Default false. */
  withReferrers?: boolean;
  onProgress?: (event: ProgressEvent) => void;
  signal?: AbortSignal;
}

/** Where a copy comes from; a repository also tells what it could be mounted from. */
export type CopySource = ReadOnlyTarget & Partial<GraphSource> & { readonly registry?: string; readonly name?: string };
/** Where a copy goes to. */
export type CopyDestination = Target & Partial<ReferencePusher> & Partial<Mounter>;

/**
 * Copies an artifact with everything it needs: blobs first, then manifests, children before parents, the tag last, so that a broken copy
 * never leaves a tag that points to missing parts. Existing blobs are skipped; between repositories of one registry they are mounted.
 * Manifests keep their bytes, and so their digests.
 *
 * @param dstReference - a tag; a digest or `undefined` tags nothing.
 * @returns the root's descriptor.
 * @throws {OciError} the first failure, with `side` telling which end failed; all other transfers are stopped before.
 */
export async function copy(
  src: CopySource,
  srcReference: string,
  dst: CopyDestination,
  dstReference?: string,
  options: CopyOptions = {},
): Promise<Descriptor> {
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const { descriptor: root, bytes } = await atSide('source', () => fetchReference(src, srcReference, { signal }));
  const tag = dstReference === undefined || dstReference.includes(':') ? undefined : dstReference;
  const walk: Walk = {
    src,
    dst,
    mountFrom: src.registry !== undefined && src.registry === dst.registry ? src.name : undefined,
    onProgress: options.onProgress,
    signal,
    stop,
    failure: undefined,
    nodes: new Map(),
    manifests: [],
    limit: createLimiter(options.concurrency ?? 3),
  };
  // Where nothing comes between the root and its tag, one request does both.
  const rootTag = options.withReferrers ? undefined : tag;
  await enter(walk, root, () => copyManifest(walk, root, { bytes, tag: rootTag, depth: 0 }));
  if (options.withReferrers) await copyReferrers(walk);
  if (options.withReferrers && tag !== undefined) await pushManifest(walk, root, bytes, tag);
  return root;
}

interface Walk extends BlobCopy {
  src: CopySource;
  dst: CopyDestination;
  /** Ends the other transfers after a failure. */
  stop: AbortController;
  /** The first failure. */
  failure: { error: unknown } | undefined;
  /** What was begun, by digest: a part that two manifests share is copied once, and both wait for it. */
  nodes: Map<string, Promise<void>>;
  /** Copied manifests, in turn. */
  manifests: Descriptor[];
  limit: Limiter;
}

function enter(walk: Walk, descriptor: Descriptor, action: () => Promise<void>): Promise<void> {
  const known = walk.nodes.get(descriptor.digest);
  if (known) return known;
  if (walk.nodes.size >= MAX_NODES) {
    return Promise.reject(new OciError('ERR_OCI_LIMIT', `the artifact has more than ${MAX_NODES} parts`));
  }
  const node = action();
  walk.nodes.set(descriptor.digest, node);
  return node;
}

function copyNode(walk: Walk, descriptor: Descriptor, depth: number): Promise<void> {
  return enter(walk, descriptor, async () => {
    if (!isManifest(descriptor)) return walk.limit(() => copyBlob(walk, descriptor));
    const bytes = await walk.limit(() =>
      atSide('source', () => fetchBytes(walk.src, descriptor, { signal: walk.signal })),
    );
    return copyManifest(walk, descriptor, { bytes, tag: undefined, depth });
  });
}

async function copyManifest(
  walk: Walk,
  descriptor: Descriptor,
  { bytes, tag, depth }: { bytes: Uint8Array; tag: string | undefined; depth: number },
): Promise<void> {
  if (depth > MAX_DEPTH) throw new OciError('ERR_OCI_LIMIT', `manifests are nested deeper than ${MAX_DEPTH}`);
  const children = await atSide('source', async () => {
    // Verified whatever the source is: a graph of true digests has no circle, in which the parts would wait for each other.
    verifyBytes(bytes, descriptor);
    return successorsOf(parseManifest(bytes, descriptor));
  });
  await allOrStop(
    walk,
    children.map((child) => copyNode(walk, child, depth + 1)),
  );
  await walk.limit(() => pushManifest(walk, descriptor, bytes, tag));
  walk.manifests.push(descriptor);
}

/** A manifest is pushed even where it exists: only that makes a registry list one with a subject as a referrer. */
async function pushManifest(walk: Walk, descriptor: Descriptor, bytes: Uint8Array, tag?: string): Promise<void> {
  const { dst, onProgress, signal } = walk;
  await atSide('destination', async () => {
    throwIfAborted(signal);
    if (tag !== undefined && dst.pushReference) return dst.pushReference(descriptor, bytes, tag, { signal });
    await dst.push(descriptor, bytes, { signal });
    if (tag !== undefined) await dst.tag(descriptor, tag, { signal });
  });
  onProgress?.({ descriptor, phase: 'done', bytes: descriptor.size });
}

/** Copies what refers to copied manifests, and what refers to that. */
async function copyReferrers(walk: Walk): Promise<void> {
  for (let i = 0; i < walk.manifests.length; i++) {
    const subject = walk.manifests[i];
    if (!subject || !walk.src.predecessors) return;
    const referrers = new Map<string, Descriptor>();
    await atSide('source', async () => {
      let listed = 0;
      for await (const { mediaType, digest, size } of walk.src.predecessors?.(subject, { signal: walk.signal }) ?? []) {
        referrers.set(digest, { mediaType, digest, size });
        listed += 1;
        if (listed > MAX_NODES)
          throw new OciError('ERR_OCI_LIMIT', `${subject.digest} has more than ${MAX_NODES} referrers`);
      }
    });
    await allOrStop(
      walk,
      [...referrers.values()].map((referrer) => copyNode(walk, referrer, 1)),
    );
  }
}

/** Waits for all. After the first failure the others are stopped, and nothing goes on in the background when it is thrown. */
async function allOrStop(walk: Walk, promises: Promise<void>[]): Promise<void> {
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
