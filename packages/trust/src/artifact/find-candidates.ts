import { ANNOTATION_ARTIFACT_TYPE, MEDIA_TYPE_SIGSTORE_BUNDLE } from '@bpfship/media-types';
import { type Descriptor, type GraphSource, MEDIA_TYPE_EMPTY, MEDIA_TYPE_MANIFEST } from '@bpfship/oras-client';

/** Referrers that are looked into. */
export const MAX_CANDIDATES = 64;
/** Entries of the registry's list that are read. */
const MAX_ENTRIES = 10_000;
/** Annotation by which tools say what a bundle states (cosign, GitHub's attest action). */
export const ANNOTATION_PREDICATE_TYPE = 'dev.sigstore.bundle.predicateType';

/** What refers to an artifact, the most promising first. */
export interface FoundCandidates {
  readonly candidates: readonly Descriptor[];
  /** Entries that are left out because there are too many. */
  readonly left: number;
}

/**
 * Lists what could be signatures of an artifact: the whole list, since registries and tools get its `artifactType` wrong (cosign 3 writes
 * the config's type there where a registry has no referrers API). What the entries say of themselves only decides the order.
 *
 * @throws what the registry's failure throws: a list that could not be read is not an empty list.
 */
export async function findCandidates(
  target: GraphSource,
  subject: Descriptor,
  options: { predicateType: string; signal?: AbortSignal | undefined },
): Promise<FoundCandidates> {
  const entries = new Map<string, Descriptor>();
  let left = 0;
  for await (const entry of target.predecessors(subject, { signal: options.signal })) {
    options.signal?.throwIfAborted();
    if (entry.mediaType !== MEDIA_TYPE_MANIFEST || entry.digest === subject.digest) continue;
    if (entries.size < MAX_ENTRIES) entries.set(entry.digest, entry);
    else if (++left >= MAX_ENTRIES) break;
  }
  const ranked = [...entries.values()].sort(
    (a, b) => rankOf(a, options.predicateType) - rankOf(b, options.predicateType),
  );
  return { candidates: ranked.slice(0, MAX_CANDIDATES), left: left + Math.max(0, ranked.length - MAX_CANDIDATES) };
}

function rankOf({ artifactType, annotations }: Descriptor, predicateType: string): number {
  if (
    artifactType === MEDIA_TYPE_SIGSTORE_BUNDLE ||
    annotations?.[ANNOTATION_ARTIFACT_TYPE] === MEDIA_TYPE_SIGSTORE_BUNDLE
  )
    return annotations?.[ANNOTATION_PREDICATE_TYPE] === predicateType ? 0 : 1;
  return artifactType === undefined || artifactType === MEDIA_TYPE_EMPTY ? 2 : 3;
}
