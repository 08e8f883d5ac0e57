import { type KeyObject, sign as signWithKey } from 'node:crypto';
import { digestAlgorithmOf } from './key-algorithm.ts';
import type { PublicKey } from './public-key.ts';

/** Something that signs: a private key in memory now; a KMS or a token later. */
export interface SigningKey {
  readonly publicKey: PublicKey;
  /** Signs the bytes with the public key's algorithm. ECDSA signatures are in DER. */
  sign(data: Uint8Array, options?: { signal?: AbortSignal | undefined }): Promise<Uint8Array>;
}

/** A signing key in memory; the private part stays in the closure, so that no log or dump of the object shows it. */
export function signingKeyOf(privateKey: KeyObject, publicKey: PublicKey): SigningKey {
  return {
    publicKey,
    sign: async (data) => signWithKey(digestAlgorithmOf(publicKey.algorithm), data, privateKey),
  };
}
