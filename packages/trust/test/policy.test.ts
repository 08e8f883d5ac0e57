import { MemoryStore, packManifest } from '@bpfship/oras-client';
import { describe, expect, it } from 'vitest';
import { parsePolicy, signArtifact, verifyArtifact } from '../src/index.ts';
import { signingKeyOf } from '../src/keys/signing-key.ts';
import { makeKey } from './support/bundles.ts';

const key = makeKey();
const other = makeKey();
const { pem } = key.publicKey;

describe('parsePolicy', () => {
  it('reads keys', () => {
    expect(parsePolicy(JSON.stringify({ schemaVersion: 1, keys: [pem] }))).toEqual({ keys: [pem] });
    expect(parsePolicy(new TextEncoder().encode(JSON.stringify({ schemaVersion: 1, keys: [pem] })))).toEqual({
      keys: [pem],
    });
  });

  it('reads keys of other roles, each for itself', () => {
    const roles = { supplementKeys: [other.publicKey.pem], evidenceKeys: [pem] };
    expect(parsePolicy(JSON.stringify({ schemaVersion: 1, keys: [pem], ...roles }))).toEqual({ keys: [pem], ...roles });
    const empty = JSON.stringify({ schemaVersion: 1, keys: [pem], evidenceKeys: [] });
    expect(parsePolicy(empty)).toEqual({ keys: [pem], evidenceKeys: [] });
  });

  it('reads what packages may do', () => {
    const allow = { hooks: ['xdp', 'kprobe:tcp_*'], capabilities: [] };
    expect(parsePolicy(JSON.stringify({ schemaVersion: 1, keys: [pem], allow }))).toEqual({ keys: [pem], allow });
  });

  it.each([
    [
      'an allow that is a list',
      JSON.stringify({ schemaVersion: 1, keys: [pem], allow: [] }),
      'ERR_TRUST_POLICY_INVALID',
    ],
    [
      'a list of what is allowed that is not known',
      JSON.stringify({ schemaVersion: 1, keys: [pem], allow: { hook: ['xdp'] } }),
      'ERR_TRUST_POLICY_INVALID',
    ],
    [
      'a list of what is allowed that holds more than names',
      JSON.stringify({ schemaVersion: 1, keys: [pem], allow: { hooks: ['x y'] } }),
      'ERR_TRUST_POLICY_INVALID',
    ],
    [
      'evidence keys that are no list',
      JSON.stringify({ schemaVersion: 1, keys: [pem], evidenceKeys: pem }),
      'ERR_TRUST_POLICY_INVALID',
    ],
    [
      'an evidence key that is none',
      JSON.stringify({ schemaVersion: 1, keys: [pem], evidenceKeys: ['x'] }),
      'ERR_TRUST_KEY_INVALID',
    ],
    ['no JSON', 'keys: []', 'ERR_TRUST_POLICY_INVALID'],
    ['no version', JSON.stringify({ keys: [pem] }), 'ERR_TRUST_POLICY_INVALID'],
    ['another version', JSON.stringify({ schemaVersion: 2, keys: [pem] }), 'ERR_TRUST_POLICY_INVALID'],
    [
      'a condition that is not known',
      JSON.stringify({ schemaVersion: 1, keys: [pem], deny: ['x'] }),
      'ERR_TRUST_POLICY_INVALID',
    ],
    ['keys twice', `{"schemaVersion":1,"keys":[],"keys":[${JSON.stringify(pem)}]}`, 'ERR_TRUST_POLICY_INVALID'],
    ['keys that are no list', JSON.stringify({ schemaVersion: 1, keys: pem }), 'ERR_TRUST_POLICY_INVALID'],
    ['a key that is no text', JSON.stringify({ schemaVersion: 1, keys: [1] }), 'ERR_TRUST_POLICY_INVALID'],
    ['65 keys', JSON.stringify({ schemaVersion: 1, keys: Array(65).fill(pem) }), 'ERR_TRUST_POLICY_INVALID'],
    ['two megabytes', ' '.repeat(2_000_000), 'ERR_TRUST_POLICY_INVALID'],
    ['an array', '[]', 'ERR_TRUST_POLICY_INVALID'],
    ['a key that is none', JSON.stringify({ schemaVersion: 1, keys: ['x'] }), 'ERR_TRUST_KEY_INVALID'],
    ['nobody', JSON.stringify({ schemaVersion: 1, keys: [] }), 'ERR_TRUST_DENIED'],
  ])('refuses %s', (_what, text, code) => {
    expect(() => parsePolicy(text)).toThrow(expect.objectContaining({ name: 'TrustError', code }));
  });
});

describe('a policy', () => {
  it('that names nobody denies before anything is asked of a registry', async () => {
    const target = new Proxy({}, { get: () => expect.unreachable('the registry was asked') }) as MemoryStore;
    const subject = { mediaType: 'x', digest: `sha256:${'0'.repeat(64)}`, size: 1 };
    await expect(verifyArtifact({ target, subject, policy: { keys: [] } })).rejects.toMatchObject({
      code: 'ERR_TRUST_DENIED',
    });
  });

  it('has the same fingerprint however its keys are written, and another one with other keys', async () => {
    const store = new MemoryStore();
    const subject = await packManifest(store, { artifactType: 'application/x.test' });
    await signArtifact({ target: store, subject, key: signingKeyOf(key.privateKey, key.publicKey) });
    const fingerprint = async (keys: string[]): Promise<string> =>
      (await verifyArtifact({ target: store, subject, policy: { keys } })).policyFingerprint;
    const both = await fingerprint([pem, other.publicKey.pem]);
    expect(both).toMatch(/^sha256:[a-f0-9]{64}$/);
    await expect(fingerprint([other.publicKey.pem, `text\n${pem.replaceAll('\n', '\r\n')}`, pem])).resolves.toBe(both);
    await expect(fingerprint([pem])).resolves.not.toBe(both);
  });
});
