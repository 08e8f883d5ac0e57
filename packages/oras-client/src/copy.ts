import type { CallOptions, ReadOnlyTarget } from './content/content.ts';
import { fetchBytes, fetchReference } from './content/fetch.ts';
import { copyBlob } from './copy-blob.ts';
import type { CopyDestination, CopyGraphOptions, CopyOptions, CopySource } from './copy-options.ts';
import { copyReferrers, referrerLimits } from './copy-referrers.ts';
import { copyManifest, enter, pushManifest, startWalk, type Walk } from './copy-walk.ts';
import { type Descriptor, isManifest } from './descriptor.ts';
import { selectPlatform } from './platform.ts';
import { atSide } from './side.ts';

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
  const walk = begin(src, dst, options);
  const { descriptor: root, bytes } = await atSide('source', () => findRoot(src, srcReference, options, walk.signal));
  const tag = dstReference === undefined || dstReference.includes(':') ? undefined : dstReference;
  await copyRoot(walk, root, bytes, tag);
  return root;
}

/**
 * As {@link copy}, of a root that is known by its descriptor, without a tag.
 *
 * @throws {OciError} as {@link copy}.
 */
export async function copyGraph(
  src: CopySource,
  dst: CopyDestination,
  root: Descriptor,
  options: CopyGraphOptions = {},
): Promise<void> {
  const walk = begin(src, dst, options);
  if (!isManifest(root)) return walk.limit(() => copyBlob(walk, root));
  const bytes = await atSide('source', () => fetchBytes(src, root, { signal: walk.signal }));
  await copyRoot(walk, root, bytes, undefined);
}

/**
 * Copies an artifact with all that refers to it, near or far: {@link copy} with referrers.
 *
 * @throws {OciError} as {@link copy}; `ERR_OCI_LIMIT` where there are more referrers than allowed.
 */
export function extendedCopy(
  src: CopySource,
  srcReference: string,
  dst: CopyDestination,
  dstReference?: string,
  options: CopyOptions = {},
): Promise<Descriptor> {
  return copy(src, srcReference, dst, dstReference, { withReferrers: true, ...options });
}

/** As {@link extendedCopy}, of a root that is known by its descriptor, without a tag. @throws {OciError} as {@link copy}. */
export function extendedCopyGraph(
  src: CopySource,
  dst: CopyDestination,
  root: Descriptor,
  options: CopyGraphOptions = {},
): Promise<void> {
  return copyGraph(src, dst, root, { withReferrers: true, ...options });
}

function begin(src: CopySource, dst: CopyDestination, options: CopyGraphOptions): Walk {
  // What is wrong with the options is said before anything is asked.
  if (options.withReferrers) referrerLimits(options.withReferrers);
  return startWalk(src, dst, options);
}

async function findRoot(
  src: ReadOnlyTarget,
  reference: string,
  { platform, mapRoot }: CopyOptions,
  signal: AbortSignal,
): Promise<{ descriptor: Descriptor; bytes: Uint8Array }> {
  const named = await fetchReference(src, reference, { signal });
  let root = named.descriptor;
  const call: CallOptions = { signal };
  if (platform) root = await selectPlatform(src, root, platform, call);
  if (mapRoot) root = await mapRoot(src, root, call);
  if (root.digest === named.descriptor.digest) return named;
  return { descriptor: root, bytes: await fetchBytes(src, root, { signal }) };
}

async function copyRoot(walk: Walk, root: Descriptor, bytes: Uint8Array, tag: string | undefined): Promise<void> {
  // Where nothing comes between the root and its tag, one request does both.
  const rootTag = walk.withReferrers ? undefined : tag;
  await enter(walk, root, () => copyManifest(walk, root, { bytes, tag: rootTag, place: { depth: 0, distance: 0 } }));
  if (!walk.withReferrers) return;
  await copyReferrers(walk, walk.withReferrers);
  if (tag !== undefined) await pushManifest(walk, root, bytes, tag);
}
