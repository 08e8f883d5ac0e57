import { randomBytes, scrypt, type ScryptOptions } from 'node:crypto';
import { promisify } from 'node:util';
import { secretbox } from '@noble/ciphers/salsa.js';
import { TrustError } from '../trust-error.ts';
import { decodeBase64 } from '../verify/base64.ts';
import { parseStrictJson } from '../verify/strict-json.ts';

/** Cost of new keys, as cosign 3 sets it; 64 MiB of memory, about 0.3 s. */
const COST = { N: 65_536, r: 8, p: 1 };
/** Bounds on the cost of keys that are read: 256 MiB of memory (128 · N · r bytes). */
const MAX_N_TIMES_R: number = 2 ** 21;
const MAX_P = 4;
const SALT_LENGTH = 32;
const NONCE_LENGTH = 24;

const deriveKey = promisify<string, Uint8Array, number, ScryptOptions, Buffer>(scrypt);

/**
 * Encrypts a PKCS #8 key in cosign's format: scrypt and NaCl secretbox, described in JSON (cosign pkg/cosign/keys.go; sigstore's
 * `encrypted` package).
 */
export async function encryptKey(pkcs8: Uint8Array, password: string): Promise<Uint8Array> {
  const salt = randomBytes(SALT_LENGTH);
  const nonce = randomBytes(NONCE_LENGTH);
  const key = await deriveKey(password, salt, 32, { ...COST, maxmem: memoryFor(COST) });
  const document = {
    kdf: { name: 'scrypt', params: COST, salt: salt.toString('base64') },
    cipher: { name: 'nacl/secretbox', nonce: nonce.toString('base64') },
    ciphertext: Buffer.from(secretbox(key, nonce).seal(pkcs8)).toString('base64'),
  };
  return new TextEncoder().encode(JSON.stringify(document));
}

/**
 * Decrypts what {@link encryptKey} or cosign wrote. The cost that the file states is bounded before anything is computed.
 *
 * @throws {TrustError} `ERR_TRUST_KEY_INVALID`, or `ERR_TRUST_PASSWORD` where the password does not open it.
 */
export async function decryptKey(bytes: Uint8Array, password: string): Promise<Buffer> {
  const { cost, salt, nonce, ciphertext } = readDocument(bytes);
  const key = await deriveKey(password, salt, 32, { ...cost, maxmem: memoryFor(cost) });
  try {
    const { buffer, byteOffset, byteLength } = secretbox(key, nonce).open(ciphertext);
    return Buffer.from(buffer, byteOffset, byteLength);
  } catch (cause) {
    throw new TrustError('ERR_TRUST_PASSWORD', 'the password does not open the private key', { cause });
  }
}

interface EncryptedKey {
  cost: { N: number; r: number; p: number };
  salt: Uint8Array;
  nonce: Uint8Array;
  ciphertext: Uint8Array;
}

function readDocument(bytes: Uint8Array): EncryptedKey {
  let value: unknown;
  try {
    value = parseStrictJson(bytes);
  } catch (cause) {
    throw invalid('is not JSON', cause);
  }
  const { kdf, cipher, ciphertext } = asObject(value);
  const { name, params, salt } = asObject(kdf);
  if (name !== 'scrypt') throw invalid('uses another key derivation than scrypt');
  const { name: cipherName, nonce } = asObject(cipher);
  if (cipherName !== 'nacl/secretbox') throw invalid('uses another cipher than nacl/secretbox');
  const { N, r, p } = asObject(params);
  if (!isCount(N) || !isCount(r) || !isCount(p) || N < 2 || (N & (N - 1)) !== 0) throw invalid('has no scrypt cost');
  if (N * r > MAX_N_TIMES_R || p > MAX_P) {
    throw invalid(`asks for a scrypt cost of N=${N}, r=${r}, p=${p}, which is too much`);
  }
  const parts = { salt: decodeBase64(salt), nonce: decodeBase64(nonce), ciphertext: decodeBase64(ciphertext) };
  if (!parts.salt || parts.salt.length < 8 || parts.nonce?.length !== NONCE_LENGTH || !parts.ciphertext) {
    throw invalid('lacks a salt, nonce or ciphertext in base64');
  }
  return { cost: { N, r, p }, salt: parts.salt, nonce: parts.nonce, ciphertext: parts.ciphertext };
}

/** Bytes that OpenSSL may use: it counts a little more than 128 · N · r. */
function memoryFor({ N, r, p }: { N: number; r: number; p: number }): number {
  return 128 * N * r + 256 * r * p + 1024 * 1024;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 1 && value <= 0x7fff_ffff;
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function invalid(why: string, cause?: unknown): TrustError {
  return new TrustError('ERR_TRUST_KEY_INVALID', `the encrypted private key ${why}`, { cause });
}
