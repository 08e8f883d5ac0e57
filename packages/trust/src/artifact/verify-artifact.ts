import { PREDICATE_TYPE_SIGNATURE } from '@bpfship/media-types';
import type { Descriptor, GraphSource, ReadOnlyTarget } from '@bpfship/oras-client';
import { TrustError } from '../trust-error.ts';
import { type CompiledPolicy, compilePolicy, type Policy } from '../verify/policy.ts';
import type { Candidate, Check, VerifiedSigner } from '../verify/verification.ts';
import { type TriedCandidates, tryCandidates } from './try-candidates.ts';

/** What to verify, and under which policy. */
export interface VerifyArtifactOptions {
  /** Where the artifact and its signatures are. */
  target: ReadOnlyTarget & GraphSource;
  /** The manifest, by the digest under which everything after is fetched. */
  subject: Descriptor;
  policy: Policy;
  signal?: AbortSignal | undefined;
}

/** Keys that a message names. */
const MAX_NAMES = 8;

/** Why an artifact is trusted. */
export interface Verification {
  readonly subject: Descriptor;
  readonly signer: VerifiedSigner;
  /** Every check that was made on the accepted bundle; nothing else is claimed. */
  readonly checks: readonly Check[];
  /** Everything that was looked at, the accepted one last. */
  readonly candidates: readonly Candidate[];
  /** Digest of the accepted bundle's bytes. */
  readonly bundleDigest: string;
  /** The bundle itself: with it, whether a key signed can be asked again without a network. */
  readonly bundle: Uint8Array;
  /** `sha256:…`; the decision holds for this subject and this policy only. */
  readonly policyFingerprint: string;
}

/**
 * Looks for a signature of the artifact that satisfies the policy: one request for the list of referrers, and usually one for a manifest and
 * one for its bundle. Unsigned is an error, and so is a registry that fails to say what refers to the artifact.
 *
 * @throws {TrustError} `ERR_TRUST_NO_SIGNATURE`, `ERR_TRUST_NO_MATCH` with the candidates, `ERR_TRUST_DENIED`, `ERR_TRUST_KEY_INVALID`.
 * @throws {OciError} where the registry fails.
 */
export async function verifyArtifact(options: VerifyArtifactOptions): Promise<Verification> {
  const { target, subject, signal } = options;
  const policy = compilePolicy(options.policy);
  const predicateType = PREDICATE_TYPE_SIGNATURE;
  const tried = await tryCandidates({ target, subject, keys: policy.keys, predicateType, signal });
  const { match, candidates } = tried;
  if (!match) throw refusal(subject.digest, tried, policy);
  const { signer, checks } = match.bundle;
  return {
    subject,
    signer,
    checks,
    candidates,
    bundleDigest: match.bundleDigest,
    bundle: match.bundleBytes,
    policyFingerprint: policy.fingerprint,
  };
}

function refusal(object: string, { candidates, left, failure }: TriedCandidates, { keys }: CompiledPolicy): unknown {
  if (failure !== undefined) return failure;
  const bundles = candidates.filter(({ outcome }) => outcome === 'refused' || outcome === 'unreadable');
  if (bundles.length === 0 && left === 0) {
    return new TrustError('ERR_TRUST_NO_SIGNATURE', `${object} has no signature`, { object, candidates });
  }
  const claimed = [...new Set(bundles.flatMap(({ claimedHint }) => claimedHint ?? []))].slice(0, MAX_NAMES).join(', ');
  const trusted = keys.slice(0, MAX_NAMES).map(({ hint }) => hint);
  const message = [
    `none of the ${bundles.length} signatures found of ${object} satisfies the policy`,
    `; trusted: ${trusted.join(', ')}`,
    claimed === '' ? '' : `; found, by their own word: ${claimed}`,
    bundles[0] ? `; the first was refused because ${bundles[0].reason}` : '',
    left === 0 ? '' : `; ${left} more not looked at because there are too many`,
  ].join('');
  return new TrustError('ERR_TRUST_NO_MATCH', message, { object, candidates });
}
