/**
 * Verification of what is already in memory: no network, no file system, no clock.
 */
export type { KeyAlgorithm } from '../keys/key-algorithm.ts';
export { keyHint, loadPublicKey, type PublicKey } from '../keys/public-key.ts';
export { TrustError, type TrustErrorCode, type TrustErrorDetails } from '../trust-error.ts';
export { parsePolicy, type Policy, type PolicyAllow } from './policy.ts';
export type { Candidate, Check, CheckName, VerifiedBundle, VerifiedSigner } from './verification.ts';
export { verifyBundle, type VerifyBundleOptions } from './verify-bundle.ts';
export { verifyStoredBundle } from './verify-stored.ts';
