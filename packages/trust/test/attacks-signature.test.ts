import { describe, expect, it } from 'vitest';
import { keyHint, verifyBundle } from '../src/verify/index.ts';
import {
  bytesOf,
  DIGEST,
  type LooseBundle,
  makeBundle,
  makeKey,
  SIGNATURE,
  statement,
  withSignature,
} from './support/bundles.ts';
import { refusalOf } from './support/refusal.ts';

const key = makeKey();
const stranger = makeKey();
const trusted = [key.publicKey];
const good = (): LooseBundle => makeBundle(key);
/** A good bundle with something changed. */
const changed = (change: (bundle: LooseBundle) => void): LooseBundle => {
  const bundle = makeBundle(key);
  change(bundle);
  return bundle;
};
const sha256 = (hex: string): Record<string, unknown> => ({ subject: [{ digest: { sha256: hex } }] });

describe('signature and key', () => {
  it.each<[string, () => LooseBundle, string]>([
    ['by a stranger’s key', () => makeBundle(stranger), 'ERR_TRUST_UNKNOWN_KEY'],
    [
      'by a stranger’s key that claims the trusted hint',
      () => ({ ...makeBundle(stranger), verificationMaterial: { publicKey: { hint: keyHint(key.publicKey) } } }),
      'ERR_TRUST_SIGNATURE_INVALID',
    ],
    [
      'by a stranger’s key without a hint',
      () => ({ ...makeBundle(stranger), verificationMaterial: { publicKey: {} } }),
      'ERR_TRUST_UNKNOWN_KEY',
    ],
    [
      'by a stranger’s key with the trusted key’s id as keyid',
      () => {
        const bundle = makeBundle(stranger);
        bundle['dsseEnvelope'].signatures[0].keyid = keyHint(key.publicKey);
        return bundle;
      },
      'ERR_TRUST_UNKNOWN_KEY',
    ],
    [
      'with one bit of the signature flipped',
      () =>
        withSignature(good(), (signature) => {
          signature[signature.length - 1] = (signature.at(-1) ?? 0) ^ 1;
          return signature;
        }),
      'ERR_TRUST_SIGNATURE_INVALID',
    ],
    [
      'with a truncated DER signature',
      () => withSignature(good(), (signature) => signature.subarray(0, -3)),
      'ERR_TRUST_SIGNATURE_INVALID',
    ],
    [
      'with a byte after the DER signature',
      () => withSignature(good(), (signature) => Buffer.concat([signature, Buffer.of(0)])),
      'ERR_TRUST_SIGNATURE_INVALID',
    ],
    [
      'with a DER signature that is not minimal',
      () => withSignature(good(), padFirstInteger),
      'ERR_TRUST_SIGNATURE_INVALID',
    ],
    [
      'with a signature of zeros (r = s = 0)',
      () => withSignature(good(), () => Buffer.from('3006020100020100', 'hex')),
      'ERR_TRUST_SIGNATURE_INVALID',
    ],
    [
      'with negative integers in the signature',
      () => withSignature(good(), () => Buffer.from('30060201ff0201ff', 'hex')),
      'ERR_TRUST_SIGNATURE_INVALID',
    ],
    [
      'with r and s raw instead of DER',
      () => withSignature(good(), () => Buffer.alloc(64, 7)),
      'ERR_TRUST_SIGNATURE_INVALID',
    ],
    ['with a signature of 2 KB', () => withSignature(good(), () => Buffer.alloc(2048, 1)), 'ERR_TRUST_BUNDLE_INVALID'],
    [
      'with another signature’s bytes',
      () => ({
        ...good(),
        dsseEnvelope: {
          ...good()['dsseEnvelope'],
          signatures: makeBundle(key, statement(sha256('cc'.repeat(32))))['dsseEnvelope'].signatures,
        },
      }),
      'ERR_TRUST_SIGNATURE_INVALID',
    ],
    [
      'with a swapped payload',
      () =>
        changed((bundle) => {
          bundle['dsseEnvelope'].payload = makeBundle(stranger, statement({ predicate: { evil: 1 } }))[
            'dsseEnvelope'
          ].payload;
        }),
      'ERR_TRUST_SIGNATURE_INVALID',
    ],
    [
      'made with SHA-384 by a P-256 key',
      () => makeBundle(key, statement(), { hash: 'sha384' }),
      'ERR_TRUST_SIGNATURE_INVALID',
    ],
    ['made with SHA-1', () => makeBundle(key, statement(), { hash: 'sha1' }), 'ERR_TRUST_SIGNATURE_INVALID'],
  ])('a bundle %s is refused', async (_what, make, code) => {
    await expect(refusalOf(make(), trusted)).resolves.toMatchObject({ name: 'TrustError', code, object: DIGEST });
  });

  it.each(['P-384', 'ed25519', 'rsa'] as const)(
    'a P-256 signature offered as one of a %s key is refused',
    async (type) => {
      const other = makeKey(type);
      const bundle = { ...good(), verificationMaterial: { publicKey: { hint: keyHint(other.publicKey) } } };
      await expect(refusalOf(bundle, [other.publicKey])).resolves.toMatchObject({
        code: 'ERR_TRUST_SIGNATURE_INVALID',
      });
    },
  );

  it('without trusted keys nothing passes', async () => {
    await expect(refusalOf(good(), [])).resolves.toMatchObject({ code: 'ERR_TRUST_UNKNOWN_KEY' });
  });

  it('an ECDSA signature (r, n - s) passes as in every Sigstore tool, but is no other signer', async () => {
    const malleated = withSignature(good(), negateS);
    expect(malleated).not.toEqual(good());
    const verified = await verifyBundle(bytesOf(malleated), {
      subjectDigest: DIGEST,
      keys: [key.publicKey],
      predicateType: SIGNATURE,
    });
    expect(verified.signer).toEqual({ kind: 'key', hint: keyHint(key.publicKey) });
  });
});

describe('hints and key ids', () => {
  it('a lying keyid of a rightly signed bundle changes nothing', async () => {
    const bundle = changed((copy) => {
      copy['dsseEnvelope'].signatures[0].keyid = keyHint(stranger.publicKey);
    });
    await expect(refusalOf(bundle, trusted)).resolves.toBe('accepted');
  });

  it('a lying hint of a rightly signed bundle changes nothing', async () => {
    const bundle = changed((copy) => {
      copy['verificationMaterial'].publicKey.hint = keyHint(stranger.publicKey);
    });
    await expect(refusalOf(bundle, [stranger.publicKey, key.publicKey])).resolves.toBe('accepted');
  });
});

/** Writes the first integer with one zero byte more than DER allows. */
function padFirstInteger(signature: Buffer): Buffer {
  const length = signature[3] ?? 0;
  return Buffer.concat([Buffer.of(0x30, (signature[1] ?? 0) + 1, 0x02, length + 1, 0), signature.subarray(4)]);
}

/** Replaces s by n - s (P-256). */
function negateS(signature: Buffer): Buffer {
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const rLength = signature[3] ?? 0;
  const s = BigInt(`0x${signature.subarray(6 + rLength).toString('hex')}`);
  const hex = (order - s).toString(16).padStart(64, '0');
  let bytes = Buffer.from(hex, 'hex');
  while (bytes[0] === 0 && (bytes[1] ?? 0) < 0x80) bytes = bytes.subarray(1);
  if ((bytes[0] ?? 0) >= 0x80) bytes = Buffer.concat([Buffer.of(0), bytes]);
  const body = Buffer.concat([signature.subarray(2, 4 + rLength), Buffer.of(0x02, bytes.length), bytes]);
  return Buffer.concat([Buffer.of(0x30, body.length), body]);
}
