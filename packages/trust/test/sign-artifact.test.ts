import {
  digestOf,
  fetchBytes,
  MemoryStore,
  packManifest,
  parseManifest,
  pushBytes,
  Repository,
} from '@bpfship/oras-client';
import type { Descriptor, Manifest } from '@bpfship/oras-client';
import { describe, expect, it } from 'vitest';
import { startDockerRegistry } from '../../oras-client/test/docker-registry.ts';
import { signArtifact, type SigningKey, verifyArtifact } from '../src/index.ts';
import { signingKeyOf } from '../src/keys/signing-key.ts';
import { attach, BUNDLE, bundleFor, makeArtifact } from './support/artifacts.ts';
import { makeKey, SIGNATURE, type TestKey } from './support/bundles.ts';

const signing = ({ privateKey, publicKey }: TestKey): SigningKey => signingKeyOf(privateKey, publicKey);
const key = makeKey();
const policy = { keys: [key.publicKey.pem] };

async function referrersOf(target: MemoryStore | Repository, subject: Descriptor): Promise<Descriptor[]> {
  const found: Descriptor[] = [];
  for await (const entry of target.predecessors(subject)) found.push(entry);
  return found;
}

async function readSignature(
  target: MemoryStore,
  descriptor: Descriptor,
): Promise<{ manifest: Manifest; bundle: never; statement: unknown }> {
  const manifest = parseManifest(await fetchBytes(target, descriptor), descriptor) as Manifest;
  const bundle = JSON.parse(
    Buffer.from(await fetchBytes(target, manifest.layers[0] ?? descriptor)).toString(),
  ) as never;
  const { payload } = bundle['dsseEnvelope'] as { payload: string };
  return { manifest, bundle, statement: JSON.parse(Buffer.from(payload, 'base64').toString()) };
}

describe('signArtifact', () => {
  it('writes the manifest, bundle and statement that cosign writes', async () => {
    const target = new MemoryStore();
    const subject = await makeArtifact(target);
    const { descriptor, existing } = await signArtifact({ target, subject, key: signing(key) });
    const { manifest, bundle, statement } = await readSignature(target, descriptor);
    expect(existing).toBe(false);
    expect(manifest).toEqual({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      artifactType: BUNDLE,
      config: expect.objectContaining({ mediaType: 'application/vnd.oci.empty.v1+json', size: 2 }),
      layers: [expect.objectContaining({ mediaType: BUNDLE })],
      subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size },
      annotations: { 'dev.sigstore.bundle.content': 'dsse-envelope', 'dev.sigstore.bundle.predicateType': SIGNATURE },
    });
    expect(bundle).toEqual({
      mediaType: BUNDLE,
      verificationMaterial: { publicKey: { hint: key.publicKey.hint } },
      dsseEnvelope: {
        payload: expect.any(String),
        payloadType: 'application/vnd.in-toto+json',
        signatures: [{ sig: expect.any(String) }],
      },
    });
    expect(statement).toEqual({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ digest: { sha256: subject.digest.slice(7) }, annotations: {} }],
      predicateType: SIGNATURE,
      predicate: {},
    });
  });

  it('writes the compatible form for a package in the compatible form, and finds it there again', async () => {
    const target = new MemoryStore();
    const config = await pushBytes(target, 'application/vnd.oci.image.config.v1+json', Buffer.from('{}'));
    const annotations = { 'vnd.ebpf.service.artifact-type': 'application/vnd.ebpf.service.v1' };
    const subject = await packManifest(target, { config, annotations });
    const { descriptor } = await signArtifact({ target, subject, key: signing(key) });
    const manifest = parseManifest(await fetchBytes(target, descriptor), descriptor) as Manifest;
    expect(manifest).toMatchObject({
      config: { mediaType: 'application/vnd.oci.image.config.v1+json' },
      layers: [
        {
          mediaType: 'application/vnd.oci.image.layer.v1.tar',
          annotations: { 'vnd.ebpf.service.media-type': BUNDLE },
        },
      ],
      subject: { digest: subject.digest },
      annotations: { 'vnd.ebpf.service.artifact-type': BUNDLE, 'dev.sigstore.bundle.predicateType': SIGNATURE },
    });
    expect(manifest.artifactType).toBeUndefined();
    const { bundle, bundleDigest } = await verifyArtifact({ target, subject, policy });
    expect(JSON.parse(Buffer.from(bundle).toString())).toMatchObject({ mediaType: BUNDLE });
    expect(bundleDigest).toBe(digestOf(bundle));
    expect(await signArtifact({ target, subject, key: signing(key) })).toMatchObject({ existing: true });
  });

  it('of which a layer that is no tar of one bundle is none', async () => {
    const target = new MemoryStore();
    const subject = await makeArtifact(target);
    const config = await pushBytes(target, 'application/vnd.oci.image.config.v1+json', Buffer.from('{}'));
    const bundle = Buffer.from(JSON.stringify(bundleFor(key, subject)));
    const layer = {
      ...(await pushBytes(target, 'application/vnd.oci.image.layer.v1.tar', bundle)),
      annotations: { 'vnd.ebpf.service.media-type': BUNDLE },
    };
    const annotations = { 'vnd.ebpf.service.artifact-type': BUNDLE };
    await packManifest(target, { config, layers: [layer], subject, annotations });
    await expect(verifyArtifact({ target, subject, policy })).rejects.toMatchObject({
      code: 'ERR_TRUST_NO_SIGNATURE',
      candidates: [{ outcome: 'ignored', reason: expect.stringMatching(/^holds no bundle: it is no /) }],
    });
  });

  it('signs a name and annotations along, and writes a time where one is given', async () => {
    const target = new MemoryStore();
    const subject = await makeArtifact(target);
    const more = { serviceName: 'acme/exec-watch', annotations: { tier: 'gold' }, created: new Date(0) };
    const { descriptor } = await signArtifact({ target, subject, key: signing(key), ...more });
    const { manifest, statement } = await readSignature(target, descriptor);
    expect(statement).toMatchObject({ subject: [{ name: 'acme/exec-watch', annotations: { tier: 'gold' } }] });
    expect(manifest.annotations?.['org.opencontainers.image.created']).toBe('1970-01-01T00:00:00.000Z');
  });

  it('does not sign again what the same key said already', async () => {
    const target = new MemoryStore();
    const subject = await makeArtifact(target);
    const first = await signArtifact({ target, subject, key: signing(key) });
    const second = await signArtifact({ target, subject, key: signing(key) });
    expect(second.existing).toBe(true);
    expect(second.descriptor.digest).toBe(first.descriptor.digest);
    await expect(referrersOf(target, subject)).resolves.toHaveLength(1);
  });

  it('signs again with another key, a name, or other annotations', async () => {
    const target = new MemoryStore();
    const subject = await makeArtifact(target);
    const signs = [
      { key: signing(key) },
      { key: signing(makeKey()) },
      { key: signing(key), serviceName: 'exec-watch' },
      { key: signing(key), annotations: { a: '1' } },
      { key: signing(key), annotations: { a: '2' } },
    ];
    for (const options of signs) {
      await expect(signArtifact({ target, subject, ...options })).resolves.toMatchObject({ existing: false });
    }
    await expect(signArtifact({ target, subject, key: signing(key), annotations: { a: '1' } })).resolves.toMatchObject({
      existing: true,
    });
    await expect(referrersOf(target, subject)).resolves.toHaveLength(signs.length);
  });

  it('is not kept from signing by a forged signature that names its key', async () => {
    const target = new MemoryStore();
    const subject = await makeArtifact(target);
    const forged = {
      ...bundleFor(makeKey(), subject),
      verificationMaterial: { publicKey: { hint: key.publicKey.hint } },
    };
    await attach(target, subject, forged);
    await expect(signArtifact({ target, subject, key: signing(key) })).resolves.toMatchObject({ existing: false });
    await expect(verifyArtifact({ target, subject, policy })).resolves.toBeDefined();
  });

  it('pushes nothing where the key’s halves do not belong together', async () => {
    const target = new MemoryStore();
    const subject = await makeArtifact(target);
    const broken = signingKeyOf(makeKey().privateKey, key.publicKey);
    await expect(signArtifact({ target, subject, key: broken })).rejects.toMatchObject({
      code: 'ERR_TRUST_SIGNING',
      object: subject.digest,
    });
    await expect(referrersOf(target, subject)).resolves.toEqual([]);
  });

  it('pushes nothing where the key fails', async () => {
    const target = new MemoryStore();
    const subject = await makeArtifact(target);
    const failing: SigningKey = { publicKey: key.publicKey, sign: () => Promise.reject(new Error('token removed')) };
    await expect(signArtifact({ target, subject, key: failing })).rejects.toThrow('token removed');
    await expect(referrersOf(target, subject)).resolves.toEqual([]);
  });

  it('is listed rightly by a registry without the referrers API', async () => {
    const registry = await startDockerRegistry();
    const target = new Repository({ registry: registry.host, repository: 'acme/exec-watch' }, { plainHttp: true });
    try {
      const subject = await makeArtifact(target);
      for (const signer of [key, makeKey()]) await signArtifact({ target, subject, key: signing(signer) });
      const entries = await referrersOf(target, subject);
      expect(entries.map(({ artifactType }) => artifactType)).toEqual([BUNDLE, BUNDLE]);
      expect(entries[0]?.annotations).toMatchObject({ 'dev.sigstore.bundle.predicateType': SIGNATURE });
    } finally {
      await target.close();
      await registry.close();
    }
  });
});
