import { generateKeyPair as generate, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { encryptKey } from './encrypted-key.ts';
import type { KeyAlgorithm } from './key-algorithm.ts';
import { writePem } from './pem.ts';
import { publicKeyOf } from './public-key.ts';

/** What a new key pair is to be. */
export interface GenerateKeyPairOptions {
  /** Encrypts the private key. Default: the empty one, which everybody can open. */
  password?: string | undefined;
  /** Default `ecdsa-p256`, which every Sigstore tool understands. `rsa` has 3072 bits. */
  algorithm?: KeyAlgorithm | undefined;
}

/** A key pair as texts for two files. */
export interface KeyPair {
  /** PEM in cosign's encrypted format. */
  privateKey: string;
  /** SPKI in PEM. */
  publicKey: string;
}

const generateAsync = promisify(generate);

const GENERATORS: Readonly<Record<KeyAlgorithm, () => Promise<{ privateKey: KeyObject; publicKey: KeyObject }>>> = {
  'ecdsa-p256': () => generateAsync('ec', { namedCurve: 'P-256' }),
  'ecdsa-p384': () => generateAsync('ec', { namedCurve: 'P-384' }),
  ed25519: () => generateAsync('ed25519'),
  rsa: () => generateAsync('rsa', { modulusLength: 3072 }),
};

/** Makes a key pair; `cosign sign --key` takes it too. */
export async function generateKeyPair(options: GenerateKeyPairOptions = {}): Promise<KeyPair> {
  const { password = '', algorithm = 'ecdsa-p256' } = options;
  const { privateKey, publicKey } = await GENERATORS[algorithm]();
  const pkcs8 = privateKey.export({ format: 'der', type: 'pkcs8' });
  const bytes = Buffer.from(await encryptKey(pkcs8, password));
  pkcs8.fill(0);
  return {
    privateKey: writePem({ label: 'ENCRYPTED SIGSTORE PRIVATE KEY', bytes }),
    publicKey: publicKeyOf(publicKey).pem,
  };
}
