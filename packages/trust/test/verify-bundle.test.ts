import { describe, expect, it } from 'vitest';
import { verifyBundle } from '../src/verify/index.ts';
import { bytesOf, DIGEST, makeBundle, makeKey, SIGNATURE, statement } from './support/bundles.ts';

const options = { subjectDigest: DIGEST, predicateType: SIGNATURE };
const key = makeKey();

describe('a good bundle', () => {
  it('gives the signer and every check that was made', async () => {
    const verified = await verifyBundle(bytesOf(makeBundle(key)), { ...options, keys: [key.publicKey] });
    expect(verified.signer).toEqual({ kind: 'key', hint: key.publicKey.hint });
    expect(verified.checks.map(({ name, outcome }) => `${name} ${outcome}`)).toEqual([
      'bundle-format passed',
      'signer-kind passed',
      'payload-type passed',
      'signature passed',
      'statement passed',
      'predicate-type passed',
      'subject-digest passed',
    ]);
    expect(verified.checks.at(-1)?.detail).toBe(DIGEST);
  });

  it.each(['P-256', 'P-384', 'ed25519', 'rsa'] as const)('by a %s key passes', async (type) => {
    const other = makeKey(type);
    const verified = await verifyBundle(bytesOf(makeBundle(other)), {
      ...options,
      keys: [key.publicKey, other.publicKey],
    });
    expect(verified.signer.hint).toBe(other.publicKey.hint);
  });

  it('by a P-384 key with SHA-384 passes too', async () => {
    const other = makeKey('P-384');
    const bundle = makeBundle(other, statement(), { hash: 'sha384' });
    await expect(verifyBundle(bytesOf(bundle), { ...options, keys: [other.publicKey] })).resolves.toBeDefined();
  });

  it('may be written prettily, lack the hint, and carry log entries, of which nothing is claimed', async () => {
    const bundle = makeBundle(key);
    bundle['verificationMaterial'] = { publicKey: {}, tlogEntries: [{ logIndex: '1' }] };
    const pretty = bytesOf(JSON.stringify(bundle, null, 2));
    const { checks } = await verifyBundle(pretty, { ...options, keys: [key.publicKey] });
    expect(checks.map(({ name }) => name).join()).not.toMatch(/log|time/);
  });

  it('may state the artifact as one of several subjects, with a name and annotations', async () => {
    const hex = DIGEST.slice(7);
    const subject = [
      { digest: { sha256: 'cc'.repeat(32) } },
      { name: 'acme/exec-watch', digest: { sha256: hex }, annotations: { a: 'b' } },
    ];
    const bundle = makeBundle(key, statement({ subject, _type: 'https://in-toto.io/Statement/v0.1' }));
    const verified = await verifyBundle(bytesOf(bundle), { ...options, keys: [key.publicKey] });
    expect(verified.subject).toEqual({ name: 'acme/exec-watch', annotations: { a: 'b' } });
  });

  it('may say another predicate where that is what is asked for', async () => {
    const predicateType = 'https://slsa.dev/provenance/v1';
    const bundle = makeBundle(key, statement({ predicateType, predicate: { buildDefinition: {} } }));
    const verified = await verifyBundle(bytesOf(bundle), { ...options, predicateType, keys: [key.publicKey] });
    expect(verified.checks.find(({ name }) => name === 'predicate-type')?.detail).toBe(predicateType);
  });

  it('signed over a sha512 digest passes for that digest', async () => {
    const hex = 'd4'.repeat(64);
    const bundle = makeBundle(key, statement({ subject: [{ digest: { sha512: hex } }] }));
    const verified = verifyBundle(bytesOf(bundle), {
      ...options,
      subjectDigest: `sha512:${hex}`,
      keys: [key.publicKey],
    });
    await expect(verified).resolves.toBeDefined();
  });
});
