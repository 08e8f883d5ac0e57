import { createHash, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { generateKeyPair, keyHint, loadPrivateKey, loadPublicKey } from '../src/index.ts';
import type { LooseBundle } from './support/bundles.ts';

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pem = (key: KeyObject, type: 'pkcs1' | 'pkcs8' | 'sec1' | 'spki'): string =>
  String(key.export({ format: 'pem', type }));
const spki = pem(ec.publicKey, 'spki');

/** The document inside an encrypted key, changed. */
async function changedKey(change: (document: LooseBundle) => void, label = 'SIGSTORE'): Promise<string> {
  const { privateKey } = await generateKeyPair({ password: 'pw' });
  const base64 = privateKey.split('\n').slice(1, -2).join('');
  const document = JSON.parse(Buffer.from(base64, 'base64').toString()) as LooseBundle;
  change(document);
  const body = Buffer.from(JSON.stringify(document)).toString('base64');
  return `-----BEGIN ENCRYPTED ${label} PRIVATE KEY-----\n${body}\n-----END ENCRYPTED ${label} PRIVATE KEY-----\n`;
}

describe('generateKeyPair', () => {
  it.each(['ecdsa-p256', 'ecdsa-p384', 'ed25519', 'rsa'] as const)(
    'makes a %s pair whose halves belong together',
    async (algorithm) => {
      const pair = await generateKeyPair({ password: 'correct horse', algorithm });
      const key = await loadPrivateKey(pair.privateKey, { password: 'correct horse' });
      expect(key.publicKey.algorithm).toBe(algorithm);
      expect(key.publicKey.pem).toBe(pair.publicKey);
    },
  );

  it('writes cosign’s format, and a new salt and nonce each time', async () => {
    const [a, b] = await Promise.all([generateKeyPair(), generateKeyPair()]);
    const documents = [a, b].map(({ privateKey }) => {
      expect(privateKey).toMatch(/^-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n/);
      return JSON.parse(Buffer.from(privateKey.split('\n').slice(1, -2).join(''), 'base64').toString()) as {
        kdf: { salt: string };
        cipher: { nonce: string };
      };
    });
    expect(documents[0]).toMatchObject({
      kdf: { name: 'scrypt', params: { N: 65_536, r: 8, p: 1 } },
      cipher: { name: 'nacl/secretbox' },
    });
    expect(documents[0]?.kdf.salt).not.toBe(documents[1]?.kdf.salt);
    expect(documents[0]?.cipher.nonce).not.toBe(documents[1]?.cipher.nonce);
  });

  it('encrypts with the empty password where none is given', async () => {
    const { privateKey } = await generateKeyPair();
    await expect(loadPrivateKey(privateKey, { password: '' })).resolves.toBeDefined();
    await expect(loadPrivateKey(privateKey)).rejects.toMatchObject({ code: 'ERR_TRUST_PASSWORD' });
    await expect(loadPrivateKey(privateKey, { password: 'x' })).rejects.toMatchObject({ code: 'ERR_TRUST_PASSWORD' });
  });
});

describe('loadPrivateKey', () => {
  it('reads the label that older cosign wrote', async () => {
    await expect(
      loadPrivateKey(await changedKey(() => undefined, 'COSIGN'), { password: 'pw' }),
    ).resolves.toBeDefined();
  });

  it.each([
    ['PKCS #8', pem(ec.privateKey, 'pkcs8')],
    ['SEC1', pem(ec.privateKey, 'sec1')],
    ['PKCS #8 with text around it', `some text\n${pem(ec.privateKey, 'pkcs8')}more`],
    ['PKCS #8 with CRLF', pem(ec.privateKey, 'pkcs8').replaceAll('\n', '\r\n')],
  ])('reads %s', async (_what, text) => {
    expect((await loadPrivateKey(text)).publicKey.pem).toBe(spki);
  });

  it('reads PKCS #1', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 3072 });
    const key = await loadPrivateKey(pem(privateKey, 'pkcs1'));
    expect(key.publicKey.pem).toBe(pem(publicKey, 'spki'));
  });

  it('does not show the private part in a dump', async () => {
    const key = await loadPrivateKey(pem(ec.privateKey, 'sec1'));
    expect(inspect(key, { depth: 5, showHidden: true }) + JSON.stringify(key)).not.toMatch(/PRIVATE/);
  });

  it.each<[string, (document: LooseBundle) => void]>([
    ['a cost of 1 TiB', (document) => void Object.assign(document['kdf']['params'], { N: 2 ** 30 })],
    ['r beyond reason', (document) => void Object.assign(document['kdf']['params'], { r: 2 ** 20 })],
    ['p beyond reason', (document) => void Object.assign(document['kdf']['params'], { p: 1000 })],
    ['N that is no power of two', (document) => void Object.assign(document['kdf']['params'], { N: 65_535 })],
    ['N that is a text', (document) => void Object.assign(document['kdf']['params'], { N: '65536' })],
    ['another key derivation', (document) => void Object.assign(document['kdf'], { name: 'pbkdf2' })],
    ['another cipher', (document) => void Object.assign(document['cipher'], { name: 'aes' })],
    ['a short nonce', (document) => void Object.assign(document['cipher'], { nonce: 'AAAA' })],
    ['no ciphertext', (document) => void Object.assign(document, { ciphertext: '' })],
    ['no key derivation', (document) => void Object.assign(document, { kdf: null })],
  ])('refuses an encrypted key with %s', async (_what, change) => {
    await expect(loadPrivateKey(await changedKey(change), { password: 'pw' })).rejects.toMatchObject({
      code: 'ERR_TRUST_KEY_INVALID',
    });
  });

  it('says that the password is wrong where the ciphertext was changed', async () => {
    const text = await changedKey(
      (document) => void Object.assign(document, { ciphertext: randomBytes(200).toString('base64') }),
    );
    await expect(loadPrivateKey(text, { password: 'pw' })).rejects.toMatchObject({ code: 'ERR_TRUST_PASSWORD' });
  });

  it.each([
    ['a public key', spki],
    ['two keys', pem(ec.privateKey, 'sec1') + pem(ec.privateKey, 'sec1')],
    ['no PEM', 'hello'],
    ['PEM without an end', pem(ec.privateKey, 'sec1').split('-----END')[0] ?? ''],
    ['PEM that is not base64', '-----BEGIN PRIVATE KEY-----\n!!!!\n-----END PRIVATE KEY-----\n'],
    ['PEM of something else', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n'],
    ['a megabyte', 'x'.repeat(1_000_000)],
    [
      'OpenSSL’s old encryption',
      '-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END EC PRIVATE KEY-----\n',
    ],
    [
      'encrypted PKCS #8',
      ec.privateKey.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'x' }).toString(),
    ],
    ['a P-224 key', pem(generateKeyPairSync('ec', { namedCurve: 'secp224r1' }).privateKey, 'pkcs8')],
    ['a secp256k1 key', pem(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey, 'pkcs8')],
    ['an RSA key of 2048 bits', pem(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey, 'pkcs8')],
    ['an X25519 key', pem(generateKeyPairSync('x25519').privateKey, 'pkcs8')],
  ])('refuses %s', async (_what, text) => {
    const error = await loadPrivateKey(text, { password: 'x' }).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({
      name: 'TrustError',
      code: 'ERR_TRUST_KEY_INVALID',
      hint: expect.stringMatching(/.{10}/),
    });
  });
});

describe('loadPublicKey', () => {
  it('names the key as OpenSSL and cosign would', () => {
    const expected = createHash('sha256')
      .update(ec.publicKey.export({ format: 'der', type: 'spki' }))
      .digest('base64');
    expect(keyHint(loadPublicKey(spki))).toBe(expected);
    expect(expected).toHaveLength(44);
  });

  it.each([
    ['a private key', pem(ec.privateKey, 'pkcs8'), /private key/],
    ['a certificate', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n', /certificate/],
    [
      'an RSA key of 1024 bits',
      pem(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey, 'spki'),
      /1024 bits/,
    ],
    [
      'an RSA key with exponent 3',
      pem(generateKeyPairSync('rsa', { modulusLength: 3072, publicExponent: 3 }).publicKey, 'spki'),
      /exponent 3/,
    ],
    ['an RSA-PSS key', pem(generateKeyPairSync('rsa-pss', { modulusLength: 3072 }).publicKey, 'spki'), /rsa-pss/],
    ['two keys', spki + spki, /2 PEM blocks/],
    ['nothing', '', /no PEM block/],
  ])('refuses %s', (_what, text, message) => {
    expect(() => loadPublicKey(text)).toThrow(message);
    expect(() => loadPublicKey(text)).toThrow(expect.objectContaining({ code: 'ERR_TRUST_KEY_INVALID' }));
  });
});
