import { canonicalJsonBytes, MEDIA_TYPE_SIGSTORE_BUNDLE, PREDICATE_TYPE_SIGNATURE } from '@bpfship/media-types';
import type { SigningKey } from '../keys/signing-key.ts';
import { TrustError } from '../trust-error.ts';
import { PAYLOAD_TYPE_STATEMENT, STATEMENT_TYPE } from '../verify/statement.ts';
import { verifyBundle } from '../verify/verify-bundle.ts';
import { signEnvelope } from './sigstore-signer.ts';

/** What a signature says. */
export interface SignatureStatement {
  /** `sha256:…` of the manifest. */
  digest: string;
  /** Name of the service. */
  name?: string | undefined;
  annotations: Readonly<Record<string, string>>;
}

/**
 * Makes a signature bundle as cosign makes it (spec/signature.md): statement, DSSE envelope, bundle 0.3 with the key's hint. It is verified
 * before it is given out.
 *
 * @throws {TrustError} `ERR_TRUST_SIGNING`.
 */
export async function createSignatureBundle(
  statement: SignatureStatement,
  key: SigningKey,
  options: { signal?: AbortSignal | undefined },
): Promise<Uint8Array> {
  const made = await signEnvelope(statementBytes(statement), PAYLOAD_TYPE_STATEMENT, key, options);
  const bytes = canonicalJsonBytes(plainBundle(made, key.publicKey.hint));
  try {
    await verifyBundle(bytes, {
      subjectDigest: statement.digest,
      keys: [key.publicKey],
      predicateType: PREDICATE_TYPE_SIGNATURE,
    });
  } catch (cause) {
    const message = `the signature of ${statement.digest} that was just made does not verify`;
    throw new TrustError('ERR_TRUST_SIGNING', message, { object: statement.digest, cause });
  }
  return bytes;
}

function statementBytes({ digest, name, annotations }: SignatureStatement): Uint8Array {
  const [algorithm = '', hex = ''] = digest.split(':', 2);
  return canonicalJsonBytes({
    _type: STATEMENT_TYPE,
    subject: [{ name, digest: { [algorithm]: hex }, annotations }],
    predicateType: PREDICATE_TYPE_SIGNATURE,
    predicate: {},
  });
}

/** Only what a keyed bundle needs. Above all no `keyid`: cosign skips signatures whose key id is not its own kind of fingerprint. */
function plainBundle(made: unknown, hint: string): object {
  const { dsseEnvelope } = made as { dsseEnvelope: { payload: string; signatures: { sig: string }[] } };
  return {
    mediaType: MEDIA_TYPE_SIGSTORE_BUNDLE,
    verificationMaterial: { publicKey: { hint } },
    dsseEnvelope: {
      payload: dsseEnvelope.payload,
      payloadType: PAYLOAD_TYPE_STATEMENT,
      signatures: dsseEnvelope.signatures.map(({ sig }) => ({ sig })),
    },
  };
}
