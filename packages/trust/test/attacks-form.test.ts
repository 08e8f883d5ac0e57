import { describe, expect, it } from 'vitest';
import { bytesOf, DIGEST, type LooseBundle, makeBundle, makeKey } from './support/bundles.ts';
import { refusalOf } from './support/refusal.ts';

const key = makeKey();
const trusted = [key.publicKey];
const text = (): string => JSON.stringify(makeBundle(key));
const certificate = { rawBytes: 'AAAA' };

/** A good bundle with the value at a path replaced, or taken out. */
function replaced(path: string, value: unknown): LooseBundle {
  const bundle = makeBundle(key);
  const names = path.split('.');
  const last = names.pop() ?? '';
  const parent = names.reduce((object, name) => object[name] as LooseBundle, bundle);
  if (value === undefined) delete parent[last];
  else parent[last] = value;
  return bundle;
}

describe('a bundle of the wrong form', () => {
  it.each<[string, string, unknown]>([
    ['with a certificate beside the key', 'verificationMaterial.certificate', certificate],
    ['without a signer', 'verificationMaterial.publicKey', undefined],
    ['without verification material', 'verificationMaterial', undefined],
    ['with two signatures', 'dsseEnvelope.signatures', [{ sig: 'AAAA' }, { sig: 'AAAA' }]],
    ['with an evil signature behind the good one', 'dsseEnvelope.signatures.1', { sig: 'AAAA' }],
    ['without a signature', 'dsseEnvelope.signatures', []],
    ['with an empty signature', 'dsseEnvelope.signatures.0.sig', ''],
    ['with a keyid that is no text', 'dsseEnvelope.signatures.0.keyid', {}],
    ['with a keyid of 900 KB', 'dsseEnvelope.signatures.0.keyid', 'x'.repeat(900_000)],
    ['with a certificate in the signature', 'dsseEnvelope.signatures.0.cert', 'AAAA'],
    ['of an unknown version', 'mediaType', 'application/vnd.dev.sigstore.bundle.v9.9+json'],
    ['of a known version with junk behind', 'mediaType', 'application/vnd.dev.sigstore.bundle.v0.3+json;evil'],
    ['of an old version', 'mediaType', 'application/vnd.dev.sigstore.bundle+json;version=0.1'],
    ['without a version', 'mediaType', undefined],
    ['with a message signature too', 'messageSignature', { signature: 'AAAA' }],
    ['with an unknown member', 'verificationMaterial.trusted', true],
    ['with log entries that are no list', 'verificationMaterial.tlogEntries', {}],
    ['with 33 log entries', 'verificationMaterial.tlogEntries', Array.from({ length: 33 }, () => ({}))],
    ['with a hint that steers the terminal', 'verificationMaterial.publicKey.hint', '\u001b[2Jtrusted'],
    ['with a hint of 1 KB', 'verificationMaterial.publicKey.hint', 'x'.repeat(1024)],
    ['with raw bytes of a key', 'verificationMaterial.publicKey.rawBytes', 'AAAA'],
    ['with base64 of the URL alphabet', 'dsseEnvelope.signatures.0.sig', '-_8='],
    ['with white space in base64', 'dsseEnvelope.signatures.0.sig', 'AA\nAA'],
    ['with base64 whose unused bits are set', 'dsseEnvelope.signatures.0.sig', 'AB=='],
    ['with base64 without padding', 'dsseEnvelope.signatures.0.sig', 'AA'],
    ['with a number as the payload', 'dsseEnvelope.payload', 7],
    ['with null as the envelope', 'dsseEnvelope', null],
    ['with an array as the envelope', 'dsseEnvelope', []],
    ['without a payload type', 'dsseEnvelope.payloadType', undefined],
  ])('%s is refused', async (_what, path, value) => {
    await expect(refusalOf(replaced(path, value), trusted)).resolves.toMatchObject({
      name: 'TrustError',
      code: 'ERR_TRUST_BUNDLE_INVALID',
      object: DIGEST,
      checks: [{ name: 'bundle-format', outcome: 'failed' }],
    });
  });

  it.each<[string, () => string | Uint8Array]>([
    ['with the same member twice', () => text().replace('"signatures":', '"signatures":[],"signatures":')],
    [
      'with the same member twice, once escaped',
      () => text().replace('"payload":', String.raw`"pa\u0079load":"e30=","payload":`),
    ],
    ['with a member __proto__', () => text().replace('{', '{"__proto__":{"x":1},')],
    ['with a byte order mark', () => `\ufeff${text()}`],
    ['with something after its end', () => `${text()}{}`],
    ['in invalid UTF-8', () => Buffer.concat([bytesOf(text()), Buffer.of(0xff)])],
    ['nested 100,000 levels deep', () => '['.repeat(100_000)],
    ['that is an array', () => '[]'],
    ['that is empty', () => ''],
    ['cut in the middle', () => text().slice(0, 200)],
    ['of 54 MB', () => bytesOf(text() + ' '.repeat(54_000_000))],
  ])('%s is refused', async (_what, make) => {
    await expect(refusalOf(make(), trusted)).resolves.toMatchObject({
      name: 'TrustError',
      code: 'ERR_TRUST_BUNDLE_INVALID',
    });
  });

  it.each([
    ['a certificate', { certificate }],
    ['a certificate chain', { x509CertificateChain: { certificates: [certificate] } }],
  ])('signed by %s is refused under keys', async (_what, material) => {
    await expect(refusalOf(replaced('verificationMaterial', material), trusted)).resolves.toMatchObject({
      code: 'ERR_TRUST_SIGNER_KIND',
      checks: [
        { name: 'bundle-format', outcome: 'passed' },
        { name: 'signer-kind', outcome: 'failed' },
      ],
    });
  });

  it('with a message signature instead of a statement is refused', async () => {
    const bundle = replaced('dsseEnvelope', undefined);
    bundle['messageSignature'] = { signature: 'AAAA' };
    await expect(refusalOf(bundle, trusted)).resolves.toMatchObject({
      message: expect.stringMatching(/not a statement/),
    });
  });
});
