import { fetchBytes } from './content/fetch.ts';
import { parseManifest } from './content/manifest.ts';
import { referrerDescriptor } from './content/referrer.ts';
import { allOrStop, copyNode, type Walk } from './copy-walk.ts';
import { type ManifestFilter, passes, positive, type ReferrerOptions } from './copy-options.ts';
import { type Descriptor, isManifest } from './descriptor.ts';
import { verifyBytes } from './digest.ts';
import { OciError } from './errors.ts';
import { atSide } from './side.ts';

const MAX_DEPTH = 16;
const MAX_COUNT = 50_000;

interface ReferrerLimits {
  filter: ManifestFilter | undefined;
  maxDepth: number;
  maxCount: number;
}

/** What is asked of referrers, with defaults. @throws {OciError} `ERR_OCI_LIMIT`. */
export function referrerLimits(options: true | ReferrerOptions): ReferrerLimits {
  if (options === true) return { filter: undefined, maxDepth: MAX_DEPTH, maxCount: MAX_COUNT };
  const { maxDepth, maxCount, ...filter } = options;
  return {
    filter: Object.values(filter).some((value) => value !== undefined) ? filter : undefined,
    maxDepth: positive(maxDepth, MAX_DEPTH, 'maxDepth'),
    maxCount: positive(maxCount, MAX_COUNT, 'maxCount'),
  };
}

/**
 * Copies what refers to copied manifests, and what refers to that. A filter is held against the manifests themselves: what a registry's list
 * says of them is a claim. What refers to something that is left out is left out too.
 */
export async function copyReferrers(walk: Walk, options: true | ReferrerOptions): Promise<void> {
  const limits = referrerLimits(options);
  let count = 0;
  for (let i = 0; i < walk.manifests.length; i++) {
    const subject = walk.manifests[i];
    if (!subject || !walk.src.predecessors) return;
    if (subject.distance >= limits.maxDepth) continue;
    const referrers = await atSide('source', () => listReferrers(walk, subject.descriptor, limits.maxCount - count));
    count += referrers.length;
    const place = { depth: 1, distance: subject.distance + 1 };
    await allOrStop(
      walk,
      referrers.map(async (referrer) => {
        if (!limits.filter) return copyNode(walk, referrer, place);
        const bytes = await readWanted(walk, referrer, limits.filter);
        if (bytes) await copyNode(walk, referrer, place, bytes);
      }),
    );
  }
}

async function listReferrers(walk: Walk, subject: Descriptor, limit: number): Promise<Descriptor[]> {
  const referrers = new Map<string, Descriptor>();
  let listed = 0;
  for await (const entry of walk.src.predecessors?.(subject, { signal: walk.signal }) ?? []) {
    const { mediaType, digest, size } = entry;
    referrers.set(digest, { mediaType, digest, size });
    listed += 1;
    if (listed > limit)
      throw new OciError('ERR_OCI_LIMIT', `${subject.digest} has more referrers than are copied at once`, {
        hint: 'Copy only some of them by artifact type, or raise maxCount.',
      });
  }
  return [...referrers.values()];
}

/** The bytes of a referrer that passes. */
async function readWanted(walk: Walk, referrer: Descriptor, filter: ManifestFilter): Promise<Uint8Array | undefined> {
  return walk.limit(() =>
    atSide('source', async () => {
      if (!isManifest(referrer)) return undefined;
      const bytes = await fetchBytes(walk.src, referrer, { signal: walk.signal });
      verifyBytes(bytes, referrer);
      return passes(referrerDescriptor(referrer, parseManifest(bytes, referrer)), filter) ? bytes : undefined;
    }),
  );
}
