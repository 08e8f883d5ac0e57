import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OciLayoutStore, Repository, type RequestEvent } from '@bpfship/oras-client';
import { createRegistry } from '@bpfship/registry-dev';
import { describe, expect, it } from 'vitest';
import { verifyArtifact } from '../src/index.ts';
import { attach, bundleFor, FalsifiedStore, makeArtifact } from './support/artifacts.ts';
import { makeKey } from './support/bundles.ts';

const key = makeKey();
const stranger = makeKey();
const policy = { keys: [key.publicKey.pem] };

describe('verifyArtifact', () => {
  it('says who signed, what was checked, and what was looked at', async () => {
    const target = new FalsifiedStore();
    const subject = await makeArtifact(target);
    const signature = await attach(target, subject, bundleFor(key, subject));
    const verification = await verifyArtifact({ target, subject, policy });
    expect(verification).toMatchObject({
      subject,
      signer: { kind: 'key', hint: key.publicKey.hint },
      candidates: [{ digest: signature.digest, outcome: 'accepted' }],
      bundleDigest: expect.stringMatching(/^sha256:[a-f0-9]{64}$/),
      policyFingerprint: expect.stringMatching(/^sha256:[a-f0-9]{64}$/),
    });
    expect(verification.checks.every(({ outcome }) => outcome === 'passed')).toBe(true);
    expect(verification.checks).toHaveLength(7);
  });

  it('takes any one of several keys', async () => {
    const target = new FalsifiedStore();
    const subject = await makeArtifact(target);
    await attach(target, subject, bundleFor(key, subject));
    const keys = [stranger.publicKey.pem, key.publicKey.pem];
    expect((await verifyArtifact({ target, subject, policy: { keys } })).signer.hint).toBe(key.publicKey.hint);
  });

  it('adds three requests: list, manifest, bundle', async () => {
    const root = await mkdtemp(join(tmpdir(), 'trust-registry-'));
    const registry = await createRegistry({ root });
    const events: RequestEvent[] = [];
    const reference = { registry: registry.host, repository: 'acme/exec-watch' };
    const writer = new Repository(reference, { plainHttp: true });
    const reader = new Repository(reference, { plainHttp: true, onRequest: (event) => void events.push(event) });
    try {
      const subject = await makeArtifact(writer);
      await attach(writer, subject, bundleFor(key, subject));
      await verifyArtifact({ target: reader, subject, policy });
      expect(events.map(({ method }) => method)).toEqual(['GET', 'GET', 'GET']);
    } finally {
      await Promise.all([writer.close(), reader.close(), registry.close()]);
      await rm(root, { recursive: true, force: true });
    }
  });

  it('works on an OCI layout', async () => {
    const root = await mkdtemp(join(tmpdir(), 'trust-layout-'));
    try {
      const target = await OciLayoutStore.open(root, { create: true });
      const subject = await makeArtifact(target);
      await expect(verifyArtifact({ target, subject, policy })).rejects.toMatchObject({
        code: 'ERR_TRUST_NO_SIGNATURE',
      });
      await attach(target, subject, bundleFor(key, subject));
      await expect(verifyArtifact({ target, subject, policy })).resolves.toBeDefined();
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  });

  it('tries what says that it is a signature first', async () => {
    const target = new FalsifiedStore();
    const subject = await makeArtifact(target);
    for (let i = 0; i < 20; i++)
      await attach(target, subject, `sbom ${i}`, {
        artifactType: 'application/spdx+json',
        mediaType: 'application/spdx+json',
      });
    await attach(target, subject, bundleFor(key, subject));
    const { candidates } = await verifyArtifact({ target, subject, policy });
    expect(candidates).toHaveLength(1);
  });

  it.each([
    ['the type of the empty config, as cosign writes it', 'application/vnd.oci.empty.v1+json'],
    ['no type', undefined],
    ['another type', 'application/spdx+json'],
  ])('finds a signature that the list gives %s', async (_what, artifactType) => {
    const target = new FalsifiedStore();
    const subject = await makeArtifact(target);
    await attach(target, subject, bundleFor(key, subject));
    target.falsify = (entries) =>
      entries.map(({ mediaType, digest, size }) => ({
        mediaType,
        digest,
        size,
        ...(artifactType === undefined ? {} : { artifactType }),
      }));
    await expect(verifyArtifact({ target, subject, policy })).resolves.toBeDefined();
  });

  it('names the keys that did sign where none of them is trusted', async () => {
    const target = new FalsifiedStore();
    const subject = await makeArtifact(target);
    await attach(target, subject, bundleFor(stranger, subject));
    const error: unknown = await verifyArtifact({ target, subject, policy }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'ERR_TRUST_NO_MATCH',
      object: subject.digest,
      candidates: [{ outcome: 'refused', code: 'ERR_TRUST_UNKNOWN_KEY', claimedHint: stranger.publicKey.hint }],
      hint: expect.stringMatching(/--key/),
    });
    expect((error as Error).message).toContain(stranger.publicKey.hint);
    expect((error as Error).message).toContain(key.publicKey.hint);
  });

  it('can be interrupted', async () => {
    const target = new FalsifiedStore();
    const subject = await makeArtifact(target);
    await attach(target, subject, bundleFor(key, subject));
    const signal = AbortSignal.abort();
    await expect(verifyArtifact({ target, subject, policy, signal })).rejects.toMatchObject({ name: 'AbortError' });
  });
});
