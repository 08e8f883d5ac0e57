import type { PublicKey } from '../keys/public-key.ts';
import { TrustError } from '../trust-error.ts';
import { createCheckRecorder } from './check-recorder.ts';
import { type ParsedBundle, parseBundle } from './parse-bundle.ts';
import { isSignedBy } from './sigstore-verifier.ts';
import { findSubject, parseStatement, PAYLOAD_TYPE_STATEMENT } from './statement.ts';
import type { VerifiedBundle } from './verification.ts';

/** What a bundle has to say, and by whom. */
export interface VerifyBundleOptions {
  /** `sha256:` or `sha512:` and hex: the manifest that must have been signed. */
  subjectDigest: string;
  /** Any one of these must have signed. */
  keys: readonly PublicKey[];
  /** What must have been stated, e.g. `https://sigstore.dev/cosign/sign/v1`. */
  predicateType: string;
}

/**
 * Verifies one Sigstore bundle under a set of keys, without a network and without a clock: its form, its signature, and only then what it
 * says. Log entries and timestamps in the bundle are neither needed nor believed: a key is trusted until it is taken out of the policy.
 *
 * @throws {TrustError} with the checks made up to the failed one.
 */
export async function verifyBundle(bytes: Uint8Array, options: VerifyBundleOptions): Promise<VerifiedBundle> {
  const { subjectDigest, predicateType } = options;
  const { checks, run } = createCheckRecorder(subjectDigest);

  const bundle = await run(
    'bundle-format',
    () => parseBundle(bytes),
    () => 'Sigstore bundle, version 0.3, one signature',
  );
  const claimedHint = await run(
    'signer-kind',
    () => requireKeySigner(bundle),
    () => 'a public key',
  );
  await run(
    'payload-type',
    () => requirePayloadType(bundle),
    () => bundle.payloadType,
  );
  const signer = await run(
    'signature',
    () => findSigner(bundle, claimedHint, options.keys),
    ({ algorithm, hint }) => `${algorithm}, by the key ${hint}`,
  );
  const statement = await run(
    'statement',
    () => parseStatement(bundle.payload),
    ({ type }) => type,
  );
  await run(
    'predicate-type',
    () => requirePredicateType(statement.predicateType, predicateType),
    () => predicateType,
  );
  const { name, annotations } = await run(
    'subject-digest',
    () => findSubject(statement, subjectDigest),
    () => subjectDigest,
  );
  return {
    signer: { kind: 'key', hint: signer.hint },
    checks,
    subject: { ...(name === undefined ? {} : { name }), annotations },
  };
}

function requireKeySigner({ signer }: ParsedBundle): string {
  if (signer.kind === 'key') return signer.hint;
  throw new TrustError('ERR_TRUST_SIGNER_KIND', 'the bundle is signed by a certificate, and the policy trusts keys');
}

function requirePayloadType({ payloadType }: ParsedBundle): void {
  if (payloadType === PAYLOAD_TYPE_STATEMENT) return;
  const message = `the bundle holds ${JSON.stringify(payloadType)}, not an in-toto statement`;
  throw new TrustError('ERR_TRUST_STATEMENT_INVALID', message);
}

function requirePredicateType(found: string, wanted: string): void {
  if (found === wanted) return;
  const message = `the bundle states ${JSON.stringify(found)}, not ${wanted}`;
  throw new TrustError('ERR_TRUST_PREDICATE_MISMATCH', message);
}

/** The key that really signed. The hint in the bundle only says which to try first. */
async function findSigner(bundle: ParsedBundle, hint: string, keys: readonly PublicKey[]): Promise<PublicKey> {
  const named = keys.filter((key) => key.hint === hint);
  const others = keys.filter((key) => key.hint !== hint);
  for (const key of [...named, ...others]) {
    if (await isSignedBy(bundle, key)) return key;
  }
  if (named.length > 0) {
    throw new TrustError('ERR_TRUST_SIGNATURE_INVALID', `the signature is not by the key ${hint}, as the bundle says`);
  }
  const claim = hint === '' ? 'it names no key' : `it says it is by the key ${hint}`;
  throw new TrustError('ERR_TRUST_UNKNOWN_KEY', `the bundle is not signed by a trusted key; ${claim}`);
}
