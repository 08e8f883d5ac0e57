import type { KeyObject } from 'node:crypto';
import { MEDIA_TYPE_SIGSTORE_BUNDLE } from '@bpfship/media-types';
import type { PublicKey } from '../keys/public-key.ts';
import type { ParsedBundle } from './parse-bundle.ts';
import { readSigstoreBundle } from './sigstore-bundle.ts';

/**
 * Whether a key made the bundle's signature: the one place where Sigstore's verifier is used. It gets an empty trust root, so that no
 * certificate can pass, and only what was parsed here, so that no second parser sees other bytes.
 */
export async function isSignedBy(bundle: ParsedBundle, key: PublicKey): Promise<boolean> {
  // Loaded when first needed: these modules take longer to load than a signature to verify.
  const { Verifier, toSignedEntity, VerificationError } = await import('@sigstore/verify');
  const { payloadType, payload, signature } = bundle;
  const entity = toSignedEntity(
    await readSigstoreBundle({
      mediaType: MEDIA_TYPE_SIGSTORE_BUNDLE,
      verificationMaterial: { publicKey: { hint: key.hint } },
      dsseEnvelope: {
        payload: payload.toString('base64'),
        payloadType,
        signatures: [{ sig: signature.toString('base64') }],
      },
    }),
  );
  const material = {
    certificateAuthorities: [],
    timestampAuthorities: [],
    tlogs: [],
    ctlogs: [],
    publicKey: () => ({ publicKey: key.keyObject, validFor: () => true }),
  };
  try {
    new Verifier(material, { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 }).verify(entity);
    return true;
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error;
  }
  return key.algorithm === 'ecdsa-p384' && (await isSignedWithSha384(bundle, key.keyObject));
}

/** P-384 is signed with SHA-256 by some tools and with SHA-384 by others; Sigstore's JavaScript verifier knows the first only. */
async function isSignedWithSha384({ payloadType, payload, signature }: ParsedBundle, key: KeyObject): Promise<boolean> {
  const { crypto, dsse } = await import('@sigstore/core');
  return crypto.verify(dsse.preAuthEncoding(payloadType, payload), key, signature, 'sha384');
}
