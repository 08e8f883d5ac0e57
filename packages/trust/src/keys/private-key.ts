import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { TrustError } from '../trust-error.ts';
import { decryptKey } from './encrypted-key.ts';
import { readPem } from './pem.ts';
import { publicKeyOf } from './public-key.ts';
import { type SigningKey, signingKeyOf } from './signing-key.ts';

/** How a private key is opened. */
export interface LoadPrivateKeyOptions {
  /** Password of an encrypted key; may be empty. Default: none, which opens plain keys only. */
  password?: string | undefined;
}

/**
 * Reads a private key: one PEM block with cosign's encrypted format (`ENCRYPTED SIGSTORE PRIVATE KEY`, `ENCRYPTED COSIGN PRIVATE KEY`),
 * PKCS #8 (`PRIVATE KEY`), SEC1 (`EC PRIVATE KEY`) or PKCS #1 (`RSA PRIVATE KEY`).
 *
 * @throws {TrustError} `ERR_TRUST_KEY_INVALID`, `ERR_TRUST_PASSWORD`.
 */
export async function loadPrivateKey(pem: string, options: LoadPrivateKeyOptions = {}): Promise<SigningKey> {
  const { label, bytes } = readPem(pem);
  const keyObject = await readKeyObject(label, bytes, options);
  return signingKeyOf(keyObject, publicKeyOf(createPublicKey(keyObject)));
}

async function readKeyObject(label: string, bytes: Buffer, { password }: LoadPrivateKeyOptions): Promise<KeyObject> {
  switch (label) {
    case 'ENCRYPTED SIGSTORE PRIVATE KEY':
    case 'ENCRYPTED COSIGN PRIVATE KEY':
      if (password === undefined) {
        throw new TrustError('ERR_TRUST_PASSWORD', 'the private key is encrypted and no password was given');
      }
      return fromDer(await decryptKey(bytes, password), 'pkcs8');
    case 'PRIVATE KEY':
      return fromDer(bytes, 'pkcs8');
    case 'EC PRIVATE KEY':
      return fromDer(bytes, 'sec1');
    case 'RSA PRIVATE KEY':
      return fromDer(bytes, 'pkcs1');
    case 'ENCRYPTED PRIVATE KEY':
      throw new TrustError('ERR_TRUST_KEY_INVALID', 'a key in encrypted PKCS #8 is not read', {
        hint: 'Convert it: openssl pkcs8 -in FILE -out PLAIN && cosign import-key-pair --key PLAIN && rm PLAIN',
      });
    case 'PUBLIC KEY':
      throw new TrustError('ERR_TRUST_KEY_INVALID', 'this is a public key where a private key is expected', {
        hint: 'Name the .key file.',
      });
    default:
      throw new TrustError('ERR_TRUST_KEY_INVALID', `a PEM block ${label} is not a private key that can be used`);
  }
}

function fromDer(der: Buffer, type: 'pkcs8' | 'sec1' | 'pkcs1'): KeyObject {
  try {
    return createPrivateKey({ key: der, format: 'der', type });
  } catch (cause) {
    throw new TrustError('ERR_TRUST_KEY_INVALID', 'the private key cannot be read', { cause });
  } finally {
    der.fill(0);
  }
}
