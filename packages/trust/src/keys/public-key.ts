import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { TrustError } from '../trust-error.ts';
import { type KeyAlgorithm, keyAlgorithmOf } from './key-algorithm.ts';
import { readPem } from './pem.ts';

/** A public key that was checked: algorithm and strength are accepted. */
export interface PublicKey {
  readonly algorithm: KeyAlgorithm;
  /** Its name in bundles, see {@link keyHint}. */
  readonly hint: string;
  /** SPKI in PEM, written anew: the same key has the same text. */
  readonly pem: string;
  readonly keyObject: KeyObject;
}

/**
 * Reads a public key: one PEM block `PUBLIC KEY` (SPKI, RFC 5280 section 4.1.2.7).
 *
 * @throws {TrustError} `ERR_TRUST_KEY_INVALID`, also for private keys and certificates.
 */
export function loadPublicKey(pem: string): PublicKey {
  const { label, bytes } = readPem(pem);
  if (label !== 'PUBLIC KEY') throw wrongKind(label);
  try {
    return publicKeyOf(createPublicKey({ key: bytes, format: 'der', type: 'spki' }));
  } catch (cause) {
    if (cause instanceof TrustError) throw cause;
    throw new TrustError('ERR_TRUST_KEY_INVALID', 'the public key cannot be read', { cause });
  }
}

/** Checks a key object and wraps it. @throws {TrustError} `ERR_TRUST_KEY_INVALID`. */
export function publicKeyOf(keyObject: KeyObject): PublicKey {
  const algorithm = keyAlgorithmOf(keyObject);
  const der = keyObject.export({ format: 'der', type: 'spki' });
  const hint = createHash('sha256').update(der).digest('base64');
  return { algorithm, hint, pem: keyObject.export({ format: 'pem', type: 'spki' }).toString(), keyObject };
}

/** The name of a key in Sigstore bundles, as cosign forms it: base64 of the SHA-256 of its SPKI DER; 44 characters. */
export function keyHint(key: PublicKey): string {
  return key.hint;
}

function wrongKind(label: string): TrustError {
  if (label.endsWith('PRIVATE KEY')) {
    return new TrustError('ERR_TRUST_KEY_INVALID', 'this is a private key where a public key is expected', {
      hint: 'Name the .pub file. Whoever verifies needs no private key and should not have it.',
    });
  }
  if (label === 'CERTIFICATE') {
    return new TrustError('ERR_TRUST_KEY_INVALID', 'this is a certificate where a public key is expected', {
      hint: 'Take the key out of it: openssl x509 -in FILE -noout -pubkey',
    });
  }
  return new TrustError('ERR_TRUST_KEY_INVALID', `a PEM block ${label} is not a public key`, {
    hint: 'Convert it: openssl pkey -pubin -in FILE -pubout',
  });
}
