import {
  type Descriptor,
  type GraphSource,
  OciError,
  type OciErrorCode,
  type ReadOnlyTarget,
} from '@bpfship/oras-client';
import type { PublicKey } from '../keys/public-key.ts';
import { TrustError } from '../trust-error.ts';
import { parseBundle } from '../verify/parse-bundle.ts';
import type { Candidate, VerifiedBundle } from '../verify/verification.ts';
import { verifyBundle } from '../verify/verify-bundle.ts';
import { findCandidates } from './find-candidates.ts';
import { readCandidate } from './read-candidate.ts';

/** What to look for. */
export interface TryCandidatesOptions {
  target: ReadOnlyTarget & GraphSource;
  subject: Descriptor;
  keys: readonly PublicKey[];
  predicateType: string;
  /** A further condition on a verified bundle. Default: none. */
  accept?: (bundle: VerifiedBundle) => boolean;
  signal?: AbortSignal | undefined;
}

/** What was found. */
export interface TriedCandidates {
  readonly candidates: readonly Candidate[];
  /** Entries that were not tried because there are too many. */
  readonly left: number;
  /** The first that passed. */
  readonly match?: {
    readonly descriptor: Descriptor;
    readonly bundleDigest: string;
    readonly bundleBytes: Uint8Array;
    readonly bundle: VerifiedBundle;
  };
  /** The registry failed to give a candidate, so that "none" cannot be said. */
  readonly failure?: unknown;
}

/** Errors that are about one candidate; every other one is about the registry or the network. */
const CANDIDATE_ERRORS: ReadonlySet<OciErrorCode> = new Set<OciErrorCode>([
  'ERR_OCI_NOT_FOUND',
  'ERR_OCI_DIGEST_MISMATCH',
  'ERR_OCI_SIZE_MISMATCH',
  'ERR_OCI_SIZE_EXCEEDED',
  'ERR_OCI_INVALID_MANIFEST',
  'ERR_OCI_INVALID_DIGEST',
]);

/** Tries what refers to an artifact until one satisfies. A bad one never hides a good one, and is reported. */
export async function tryCandidates(options: TryCandidatesOptions): Promise<TriedCandidates> {
  const { candidates: entries, left } = await findCandidates(options.target, options.subject, options);
  const candidates: Candidate[] = [];
  let failure: unknown;
  for (const entry of entries) {
    options.signal?.throwIfAborted();
    try {
      const tried = await tryCandidate(entry, options);
      candidates.push(tried.candidate);
      if (tried.match) return { candidates, left, match: tried.match };
    } catch (error) {
      if (!(error instanceof OciError) || error.code === 'ERR_OCI_ABORTED') throw error;
      if (!CANDIDATE_ERRORS.has(error.code)) failure ??= error;
      candidates.push({ digest: entry.digest, outcome: 'unreadable', code: error.code, reason: error.message });
    }
  }
  return { candidates, left, ...(failure === undefined ? {} : { failure }) };
}

async function tryCandidate(
  entry: Descriptor,
  { target, subject, keys, predicateType, accept, signal }: TryCandidatesOptions,
): Promise<{ candidate: Candidate; match?: NonNullable<TriedCandidates['match']> }> {
  const { digest } = entry;
  const read = await readCandidate(target, entry, subject, { signal });
  if (read.kind === 'other') return { candidate: { digest, outcome: 'ignored', reason: read.reason } };
  try {
    const bundle = await verifyBundle(read.bytes, { subjectDigest: subject.digest, keys, predicateType });
    if (accept && !accept(bundle)) return { candidate: { digest, outcome: 'refused', reason: 'says something else' } };
    const reason = `signed by the key ${bundle.signer.hint}`;
    return {
      candidate: { digest, outcome: 'accepted', reason },
      match: { descriptor: entry, bundleDigest: read.digest, bundleBytes: read.bytes, bundle },
    };
  } catch (error) {
    if (!(error instanceof TrustError)) throw error;
    const { code, message } = error;
    return { candidate: { digest, outcome: 'refused', code, reason: message, ...claimedHintOf(read.bytes) } };
  }
}

/** The key that a refused bundle names, for the message. */
function claimedHintOf(bytes: Uint8Array): { claimedHint?: string } {
  try {
    const { signer } = parseBundle(bytes);
    return signer.kind === 'key' && signer.hint !== '' ? { claimedHint: signer.hint } : {};
  } catch {
    return {};
  }
}
