import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Descriptor, MEDIA_TYPE_INDEX, OciError, Repository } from '@bpfship/oras-client';
import { describe, expect, it } from 'vitest';
import { verifyArtifact, type Verification } from '../src/index.ts';
import { attach, BUNDLE, bundleFor, FalsifiedStore, makeArtifact, pushManifest } from './support/artifacts.ts';
import { makeKey, statement, makeBundle } from './support/bundles.ts';

const key = makeKey();
const stranger = makeKey();
const policy = { keys: [key.publicKey.pem] };

async function start(): Promise<{ target: FalsifiedStore; subject: Descriptor; verify: () => Promise<Verification> }> {
  const target = new FalsifiedStore();
  const subject = await makeArtifact(target);
  return { target, subject, verify: () => verifyArtifact({ target, subject, policy }) };
}

describe('signatures that are hidden, moved or buried', () => {
  it('a stripped signature is an unsigned artifact', async () => {
    const { target, subject, verify } = await start();
    await attach(target, subject, bundleFor(key, subject));
    target.falsify = () => [];
    await expect(verify()).rejects.toMatchObject({ code: 'ERR_TRUST_NO_SIGNATURE', object: subject.digest });
  });

  it('the signature of another artifact, attached to this one, is refused', async () => {
    const { target, subject, verify } = await start();
    const other = await makeArtifact(target, 1);
    await attach(target, subject, bundleFor(key, other));
    await expect(verify()).rejects.toMatchObject({
      code: 'ERR_TRUST_NO_MATCH',
      candidates: [{ code: 'ERR_TRUST_SUBJECT_MISMATCH' }],
    });
  });

  it('a referrer of another artifact in the list is ignored', async () => {
    const { target, subject, verify } = await start();
    const other = await makeArtifact(target, 1);
    const foreign = await attach(target, other, bundleFor(key, subject));
    target.falsify = () => [{ ...foreign, artifactType: BUNDLE }];
    await expect(verify()).rejects.toMatchObject({
      code: 'ERR_TRUST_NO_SIGNATURE',
      candidates: [{ outcome: 'ignored', reason: /another artifact/ }],
    });
  });

  it('a list that points at the artifact itself, at an index, or twice at the same is no loop', async () => {
    const { target, subject, verify } = await start();
    const signature = await attach(target, subject, bundleFor(stranger, subject));
    target.falsify = () => [subject, { ...subject, mediaType: MEDIA_TYPE_INDEX }, signature, signature];
    await expect(verify()).rejects.toMatchObject({
      code: 'ERR_TRUST_NO_MATCH',
      candidates: [{ digest: signature.digest }],
    });
  });

  it('garbage beside a good signature does not hide it, and is reported', async () => {
    const { target, subject, verify } = await start();
    await attach(target, subject, 'garbage');
    await attach(target, subject, bundleFor(stranger, subject));
    await attach(target, subject, makeBundle(key, statement({ predicateType: 'https://spdx.dev/Document' })));
    const dangling = {
      mediaType: subject.mediaType,
      digest: `sha256:${'9'.repeat(64)}`,
      size: 500,
      artifactType: BUNDLE,
    };
    await attach(target, subject, bundleFor(key, subject));
    target.falsify = (entries) => [dangling, ...entries];
    const { candidates } = await verify();
    expect(candidates.map(({ code, outcome }) => code ?? outcome)).toEqual([
      'ERR_OCI_NOT_FOUND',
      'ERR_TRUST_BUNDLE_INVALID',
      'ERR_TRUST_UNKNOWN_KEY',
      'ERR_TRUST_PREDICATE_MISMATCH',
      'accepted',
    ]);
  });

  it('after 64 candidates the search ends, and says that there are more', async () => {
    const { target, subject, verify } = await start();
    const bad = await attach(target, subject, 'garbage');
    await attach(target, subject, bundleFor(key, subject));
    target.falsify = (entries) => [
      ...Array.from({ length: 1000 }, (_, i) => ({ ...bad, digest: `sha256:${String(i).padStart(64, '0')}` })),
      ...entries,
    ];
    const error: unknown = await verify().catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'ERR_TRUST_NO_MATCH',
      message: expect.stringContaining('938 more not looked at'),
    });
    expect(target.fetched).toHaveLength(64);
  });

  it('an endless list is cut off', async () => {
    const { target, verify } = await start();
    let given = 0;
    target.falsify = async function* () {
      for (;;)
        yield {
          mediaType: 'application/vnd.oci.image.manifest.v1+json',
          digest: `sha256:${String(given++).padStart(64, '0')}`,
          size: 3,
        };
    };
    await expect(verify()).rejects.toMatchObject({ code: 'ERR_TRUST_NO_MATCH' });
    expect(given).toBeLessThan(30_000);
  });
});

describe('referrers that are not what they say', () => {
  it('a manifest with other bytes than its digest is refused', async () => {
    const { target, subject, verify } = await start();
    const good = await attach(target, subject, bundleFor(key, subject));
    const otherBytes = await attach(target, await makeArtifact(target, 1), 'x');
    target.fetch = async function* () {
      yield* await FalsifiedStore.prototype.fetch.call(target, otherBytes);
    } as unknown as typeof target.fetch;
    target.falsify = () => [{ ...good, size: otherBytes.size }];
    await expect(verify()).rejects.toMatchObject({
      code: 'ERR_TRUST_NO_MATCH',
      candidates: [{ outcome: 'unreadable', code: 'ERR_OCI_DIGEST_MISMATCH' }],
    });
  });

  it('a bundle of 54 MB is not even asked for', async () => {
    const { target, subject, verify } = await start();
    const layer = { mediaType: BUNDLE, digest: `sha256:${'7'.repeat(64)}`, size: 54_000_000 };
    await pushManifest(target, { artifactType: BUNDLE, layers: [layer], subject });
    await expect(verify()).rejects.toMatchObject({ candidates: [{ code: 'ERR_OCI_SIZE_EXCEEDED' }] });
    expect(target.fetched).not.toContain(layer.digest);
  });

  it('a manifest of 4 MB is not even asked for', async () => {
    const { target, subject, verify } = await start();
    const good = await attach(target, subject, bundleFor(key, subject));
    target.falsify = () => [{ ...good, size: 4_000_000 }];
    await expect(verify()).rejects.toMatchObject({ candidates: [{ code: 'ERR_OCI_SIZE_EXCEEDED' }] });
    expect(target.fetched).toEqual([]);
  });

  it('a size that lies is found out', async () => {
    const { target, subject, verify } = await start();
    const good = await attach(target, subject, bundleFor(key, subject));
    target.falsify = () => [{ ...good, size: good.size - 1 }];
    await expect(verify()).rejects.toMatchObject({ candidates: [{ code: 'ERR_OCI_SIZE_MISMATCH' }] });
  });

  it.each<[string, (good: Descriptor, subject: Descriptor) => Record<string, unknown>]>([
    ['two bundles', (good, subject) => ({ layers: [good, good], subject })],
    ['no layer', (_good, subject) => ({ layers: [], subject })],
    ['a layer that is no bundle', (good, subject) => ({ layers: [{ ...good, mediaType: 'text/plain' }], subject })],
    [
      'a bundle of another version',
      (good, subject) => ({
        layers: [{ ...good, mediaType: 'application/vnd.dev.sigstore.bundle.v9.9+json' }],
        subject,
      }),
    ],
  ])('a referrer with %s is no signature, whatever its artifact type', async (_what, manifest) => {
    const { target, subject, verify } = await start();
    const elsewhere = new FalsifiedStore();
    const good = await attach(elsewhere, await makeArtifact(elsewhere), bundleFor(key, subject));
    await pushManifest(target, { artifactType: BUNDLE, ...manifest({ ...good, mediaType: BUNDLE }, subject) });
    await expect(verify()).rejects.toMatchObject({
      code: 'ERR_TRUST_NO_SIGNATURE',
      candidates: [{ outcome: 'ignored' }],
    });
  });
});

/** Verifies against an HTTP server; the result or the error. */
async function against(listener: RequestListener): Promise<unknown> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const target = new Repository(
    { registry: `127.0.0.1:${port}`, repository: 'a/b' },
    { plainHttp: true, retries: 0, idleTimeoutMs: 300 },
  );
  const subject = {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    digest: `sha256:${'a'.repeat(64)}`,
    size: 100,
  };
  try {
    return await verifyArtifact({ target, subject, policy });
  } catch (error) {
    return error;
  } finally {
    await target.close();
    server.closeAllConnections();
    server.close();
  }
}

describe('a registry that fails', () => {
  it.each([401, 403, 429, 500, 503])(
    'with %d on the list of referrers is an error, never "unsigned"',
    async (status) => {
      const error = await against((_request, response) => response.writeHead(status).end('no'));
      expect(error).toBeInstanceOf(OciError);
    },
  );

  it('by saying nothing is an error, never "unsigned"', async () => {
    await expect(against(() => undefined)).resolves.toBeInstanceOf(OciError);
  });

  it('by hanging up is an error, never "unsigned"', async () => {
    await expect(against((request) => request.socket.destroy())).resolves.toBeInstanceOf(OciError);
  });

  it('with nonsense as the list is an error, never "unsigned"', async () => {
    const error = await against((_request, response) =>
      response.writeHead(200, { 'content-type': MEDIA_TYPE_INDEX }).end('{"manifests":7}'),
    );
    expect(error).toBeInstanceOf(OciError);
  });

  it('to give the only candidate is an error, never "no match"', async () => {
    const manifests = [
      { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: `sha256:${'b'.repeat(64)}`, size: 500 },
    ];
    const list = JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE_INDEX, manifests });
    const error = await against((request, response) =>
      request.url?.includes('/referrers/')
        ? response.writeHead(200, { 'content-type': MEDIA_TYPE_INDEX }).end(list)
        : response.writeHead(500).end(),
    );
    expect(error).toMatchObject({ name: 'OciError', status: 500 });
  });
});
