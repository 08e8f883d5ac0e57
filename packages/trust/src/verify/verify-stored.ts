import { PREDICATE_TYPE_SIGNATURE } from '@bpfship/media-types';
import { TrustError } from '../trust-error.ts';
import { compilePolicy, type Policy } from './policy.ts';
import type { VerifiedBundle } from './verification.ts';
import { verifyBundle } from './verify-bundle.ts';

/** Keys that a message names. */
const MAX_NAMES = 8;

/**
 * Asks again whether a policy trusts an artifact, by the bundle that was kept when it was accepted: the policy's keys may have changed since.
 *
 * @param subjectDigest - of the artifact's manifest.
 * @throws {TrustError} `ERR_TRUST_NO_MATCH`; what {@link compilePolicy} throws.
 */
export async function verifyStoredBundle(
  bundle: Uint8Array,
  subjectDigest: string,
  policy: Policy,
): Promise<VerifiedBundle> {
  const { keys } = compilePolicy(policy);
  try {
    return await verifyBundle(bundle, { subjectDigest, keys, predicateType: PREDICATE_TYPE_SIGNATURE });
  } catch (cause) {
    if (!(cause instanceof TrustError)) throw cause;
    const trusted = keys.slice(0, MAX_NAMES).map(({ hint }) => hint);
    throw new TrustError(
      'ERR_TRUST_NO_MATCH',
      `the signature of ${subjectDigest} satisfies the policy no more: ${cause.message}; trusted: ${trusted.join(', ')}`,
      { object: subjectDigest, cause },
    );
  }
}
