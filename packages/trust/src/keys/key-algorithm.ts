import type { KeyObject } from 'node:crypto';
import { TrustError } from '../trust-error.ts';

/** Signature algorithms: ECDSA with SHA-256 (also over P-384, as cosign does), Ed25519 without prehash, RSA PKCS #1 v1.5 with SHA-256. */
export type KeyAlgorithm = 'ecdsa-p256' | 'ecdsa-p384' | 'ed25519' | 'rsa';

/** Shortest and longest RSA modulus in bits. The upper bound keeps verification cheap. */
const RSA_BITS = { min: 3072, max: 8192 };
/** OpenSSL's names of the curves. */
const CURVES: Readonly<Record<string, KeyAlgorithm>> = { prime256v1: 'ecdsa-p256', secp384r1: 'ecdsa-p384' };

/**
 * What a key signs with.
 *
 * @throws {TrustError} `ERR_TRUST_KEY_INVALID` for every other algorithm, curve or strength.
 */
export function keyAlgorithmOf(key: KeyObject): KeyAlgorithm {
  const { namedCurve, modulusLength, publicExponent } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'ed25519':
      return 'ed25519';
    case 'ec': {
      const algorithm = CURVES[namedCurve ?? ''];
      if (algorithm) return algorithm;
      throw refuse(`an EC key on the curve ${namedCurve ?? 'unknown'}`);
    }
    case 'rsa': {
      const bits = modulusLength ?? 0;
      if (bits < RSA_BITS.min || bits > RSA_BITS.max) throw refuse(`an RSA key of ${bits} bits`);
      if (publicExponent === undefined || publicExponent < 65_537n || publicExponent > 0xffff_ffffn) {
        throw refuse(`an RSA key with the public exponent ${publicExponent}`);
      }
      return 'rsa';
    }
    default:
      throw refuse(`a key of type ${key.asymmetricKeyType ?? 'unknown'}`);
  }
}

/** Digest algorithm that `node:crypto` needs to be told for it. */
export function digestAlgorithmOf(algorithm: KeyAlgorithm): 'sha256' | undefined {
  return algorithm === 'ed25519' ? undefined : 'sha256';
}

function refuse(what: string): TrustError {
  return new TrustError('ERR_TRUST_KEY_INVALID', `${what} is not accepted`, {
    hint: `Use P-256, P-384, Ed25519, or RSA with ${RSA_BITS.min} to ${RSA_BITS.max} bits: bpfship generate-key-pair`,
  });
}
