import { createServer } from 'node:http';
import { createHash } from 'node:crypto';
import { createRegistry, type Registry } from '@bpfship/registry-dev';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  copy,
  copyGraph,
  type Descriptor,
  digestOf,
  extendedCopy,
  extendedCopyGraph,
  fetchBytes,
  fetchManifest,
  inlineContent,
  MemoryStore,
  OciLayoutStore,
  packIndex,
  packManifest,
  pushBytes,
  resolve,
} from '../src/index.ts';
import { packPlatforms, packSample } from './support/graphs.ts';
import { repositoryAt } from './support/http.ts';
import { errorOf, list } from './support/list.ts';

let folder: string;
let registry: Registry;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'copy-filters-'));
  registry = await createRegistry({ root: join(folder, 'registry') });
});

afterAll(async () => {
  await registry?.close();
  await rm(folder, { recursive: true, force: true });
});

/** A root with a signature, a signed SBOM, and the signature of that. */
async function packSupplyChain(): Promise<{ store: MemoryStore; root: Descriptor; [name: string]: unknown }> {
  const store = new MemoryStore();
  const root = await packSample(store);
  await store.tag(root, 'v1');
  const signature = await packSample(store, root, 'application/vnd.example.signature');
  const sbom = await packSample(store, root, 'application/vnd.example.sbom');
  const sbomSignature = await packSample(store, sbom, 'application/vnd.example.signature');
  return { store, root, signature, sbom, sbomSignature };
}

const present = async (store: MemoryStore, parts: Descriptor[]): Promise<boolean[]> =>
  Promise.all(parts.map((part) => store.exists(part)));

describe('a filtered copy', () => {
  it('takes the manifest of one platform, also from an index inside the index', async () => {
    const source = new MemoryStore();
    const { root, byArchitecture } = await packPlatforms(source);
    await source.tag(root, 'v1');
    for (const [i, architecture] of ['amd64', 'arm64', 'riscv64', 's390x'].entries()) {
      const target = new MemoryStore();
      const copied = await copy(source, 'v1', target, 'v1', { platform: { os: 'linux', architecture } });
      expect(copied.digest).toBe(byArchitecture[i]?.digest);
      expect((await target.resolve('v1')).digest).toBe(copied.digest);
      expect(await target.exists(root)).toBe(false);
      expect((await resolve(source, 'v1', { platform: { architecture } })).digest).toBe(copied.digest);
    }
    expect(
      await errorOf(() => copy(source, 'v1', new MemoryStore(), 'v1', { platform: { architecture: 'mips' } })),
    ).toMatchObject({ code: 'ERR_OCI_NOT_FOUND', side: 'source', hint: expect.stringContaining('linux/s390x') });
  });

  it('finds the platform of an image in its config, and refuses the wrong one', async () => {
    const source = new MemoryStore();
    const config = await pushBytes(
      source,
      'application/vnd.docker.container.image.v1+json',
      Buffer.from('{"os":"linux","architecture":"arm64"}'),
    );
    await source.tag(await packManifest(source, { config }), 'image');
    expect(await resolve(source, 'image', { platform: { architecture: 'arm64' } })).toBeDefined();
    await expect(resolve(source, 'image', { platform: { architecture: 'amd64' } })).rejects.toMatchObject({
      code: 'ERR_OCI_NOT_FOUND',
      hint: 'It has: linux/arm64',
    });
  });

  it('takes of an index what passes by type, annotations or predicate, and keeps the index as it is', async () => {
    const source = new MemoryStore();
    const { root, byArchitecture } = await packPlatforms(source);
    const annotated = { ...byArchitecture[1], annotations: { stage: 'test' } };
    const index = await packIndex(source, { manifests: [byArchitecture[0], annotated] });
    await source.tag(root, 'v1');
    await source.tag(index, 'v2');
    const [amd64, arm64] = byArchitecture;
    for (const entries of [
      { artifactType: 'application/vnd.example.arm64' },
      { artifactType: ['x/y', 'application/vnd.example.arm64'] },
      { annotations: { stage: 'test' } },
      { annotations: { stage: true as const } },
      { platform: { architecture: 'arm64', os: 'linux' } },
      { where: ({ digest }: Descriptor) => digest === arm64.digest },
    ]) {
      const target = new MemoryStore();
      expect((await copy(source, 'v2', target, 'v2', { entries })).digest).toBe(index.digest);
      expect(await present(target, [amd64, arm64]), JSON.stringify(entries)).toEqual([false, true]);
    }
  });

  it('takes another root where it is told to', async () => {
    const source = new MemoryStore();
    const { root, byArchitecture } = await packPlatforms(source);
    await source.tag(root, 'v1');
    const mapRoot = (): Promise<Descriptor> => Promise.resolve(byArchitecture[3]);
    expect((await copy(source, 'v1', new MemoryStore(), 'v1', { mapRoot })).digest).toBe(byArchitecture[3]?.digest);
  });

  it('takes referrers by what they are, not by what the list says, as far and as many as allowed', async () => {
    const { store, root, signature, sbom, sbomSignature } = await packSupplyChain();
    const all = [signature, sbom, sbomSignature] as Descriptor[];
    const predecessors = store.predecessors.bind(store);
    store.predecessors = async function* (descriptor, options) {
      for await (const entry of predecessors(descriptor, options)) yield { ...entry, artifactType: 'a/lie' };
    };
    const cases: [Parameters<typeof copy>[4], boolean[]][] = [
      [{}, [false, false, false]],
      [{ withReferrers: true }, [true, true, true]],
      [{ withReferrers: { maxDepth: 1 } }, [true, true, false]],
      [{ withReferrers: { artifactType: 'application/vnd.example.signature' } }, [true, false, false]],
      [{ withReferrers: { artifactType: 'a/lie' } }, [false, false, false]],
      [{ withReferrers: { annotations: { a: '1' }, maxDepth: 2 } }, [true, true, true]],
    ];
    for (const [options, expected] of cases) {
      const target = new MemoryStore();
      await copy(store, 'v1', target, 'v1', options);
      expect(await present(target, all), JSON.stringify(options)).toEqual(expected);
    }
    expect(
      await errorOf(() => copy(store, 'v1', new MemoryStore(), 'v1', { withReferrers: { maxCount: 1 } })),
    ).toMatchObject({ code: 'ERR_OCI_LIMIT', side: 'source' });
    const target = new MemoryStore();
    await extendedCopy(store, 'v1', target, 'v1');
    await extendedCopyGraph(store, target, root);
    expect(await present(target, all)).toEqual([true, true, true]);
  });

  it('copies a graph, or one blob, by descriptor, and tags nothing', async () => {
    const { store, root } = await packSupplyChain();
    const target = new MemoryStore();
    await copyGraph(store, target, root);
    expect(await target.exists(root)).toBe(true);
    expect(await target.tags()).toEqual([]);
    const blob = await pushBytes(store, 'a/b', Buffer.from('one blob'));
    await copyGraph(store, target, blob);
    expect(await target.exists(blob)).toBe(true);
  });

  it('keeps to limits of depth and width, and takes no nonsense for a number', async () => {
    const source = new MemoryStore();
    let root = await packSample(source);
    for (let i = 0; i < 5; i++) root = await packIndex(source, { manifests: [root], annotations: { i: `${i}` } });
    await source.tag(root, 'deep');
    expect(await errorOf(() => copy(source, 'deep', new MemoryStore(), 'x', { maxDepth: 3 }))).toMatchObject({
      code: 'ERR_OCI_LIMIT',
    });
    expect(await errorOf(() => copy(source, 'deep', new MemoryStore(), 'x', { maxNodes: 3 }))).toMatchObject({
      code: 'ERR_OCI_LIMIT',
    });
    await copy(source, 'deep', new MemoryStore(), 'x', { maxDepth: 6, maxNodes: 8 });
    for (const options of [{ concurrency: 0 }, { maxDepth: -1 }, { maxNodes: 0.5 }, { withReferrers: { maxCount: 0 } }])
      expect(await errorOf(() => copy(source, 'deep', new MemoryStore(), 'x', options))).toMatchObject({
        code: 'ERR_OCI_LIMIT',
      });
  });
});

/** Described by sha512. */
const sha512 = (mediaType: string, bytes: Buffer): Descriptor => ({
  mediaType,
  digest: `sha512:${createHash('sha512').update(bytes).digest('hex')}`,
  size: bytes.length,
});

describe('a copy', () => {
  it('takes content from the descriptor where it fits, and from the source where it does not', async () => {
    const source = new MemoryStore();
    const bytes = Buffer.from('{"a":1}');
    const right = { ...(await pushBytes(source, 'a/b', bytes)), data: bytes.toString('base64') };
    expect(Buffer.from(inlineContent(right) ?? []).toString()).toBe('{"a":1}');
    for (const data of ['', 'e30=', 'AAAAAAAAAA==', '????', `${right.data}AAAA`])
      expect(inlineContent({ ...right, data }), data).toBeUndefined();
    const manifest = {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: right,
      layers: [{ ...right, data: 'AAAAAAAAAA==' }],
    };
    const root = await pushBytes(source, manifest.mediaType, Buffer.from(JSON.stringify(manifest)));
    await source.tag(root, 'v1');
    const fetched: string[] = [];
    const fetch = source.fetch.bind(source);
    source.fetch = (descriptor, options) => {
      fetched.push(descriptor.digest);
      return fetch(descriptor, options);
    };
    const target = new MemoryStore();
    await copy(source, 'v1', target, 'v1');
    expect(fetched).not.toContain(right.digest);
    expect(Buffer.from(await fetchBytes(target, { ...right, data: '' })).toString()).toBe('{"a":1}');
  });

  it('reads Docker’s manifests and lists, and does without layers that nobody may distribute', async () => {
    const source = new MemoryStore();
    const layer = await pushBytes(source, 'application/vnd.docker.image.rootfs.diff.tar.gzip', Buffer.from('layer'));
    const config = await pushBytes(source, 'application/vnd.docker.container.image.v1+json', Buffer.from('{}'));
    const foreign = {
      mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
      digest: digestOf(Buffer.from('windows')),
      size: 7,
      urls: ['https://example.com/layer'],
    };
    const push = async (mediaType: string, value: object): Promise<Descriptor> =>
      pushBytes(source, mediaType, Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...value })));
    const image = await push('application/vnd.docker.distribution.manifest.v2+json', {
      config,
      layers: [layer, foreign],
    });
    const platform = { os: 'windows', architecture: 'amd64' };
    const root = await push('application/vnd.docker.distribution.manifest.list.v2+json', {
      manifests: [{ ...image, platform }],
    });
    await source.tag(root, 'v1');
    const target = new MemoryStore();
    const skipped: string[] = [];
    await copy(source, 'v1', target, 'v1', {
      onProgress: ({ phase, descriptor }) => void (phase === 'skipped' && skipped.push(descriptor.digest)),
    });
    expect(skipped).toEqual([foreign.digest]);
    expect(await target.exists(layer)).toBe(true);
    expect((await fetchManifest(target, root)).manifest).toMatchObject({ manifests: [{ digest: image.digest }] });
    // A layer that anybody may distribute must be there.
    await source.delete(layer);
    expect(await errorOf(() => copy(source, 'v1', new MemoryStore(), 'v1'))).toMatchObject({
      code: 'ERR_OCI_NOT_FOUND',
      side: 'source',
    });
  });

  it('keeps manifests and blobs under sha512 digests', async () => {
    const source = new MemoryStore();
    const bytes = Buffer.from('layer');
    const layer = sha512('a/b', bytes);
    await source.push(layer, bytes);
    const mediaType = 'application/vnd.oci.image.manifest.v1+json';
    const text = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, config: layer, layers: [layer] }));
    const root = sha512(mediaType, text);
    await source.push(root, text);
    await source.tag(root, 'v1');
    const layout = await OciLayoutStore.open(join(folder, 'sha512'), { create: true });
    await copy(source, 'v1', layout, 'v1');
    const back = new MemoryStore();
    expect((await copy(layout, 'v1', back, 'v1')).digest).toBe(root.digest);
    expect(await back.exists(layer)).toBe(true);
  });

  it('mounts from the repositories that it is told of', async () => {
    const source = new MemoryStore();
    const root = await packSample(source);
    await source.tag(root, 'v1');
    await copy(source, 'v1', repositoryAt(registry.host, {}, 'known/place'), 'v1');
    const phases: string[] = [];
    const target = repositoryAt(registry.host, {}, 'new/place');
    await copy(source, 'v1', target, 'v1', {
      mountFrom: () => 'known/place',
      onProgress: ({ phase }) => phases.push(phase),
    });
    expect(phases.filter((phase) => phase === 'mounted')).toHaveLength(2);
    expect(phases).not.toContain('bytes');
  });

  it('never has more transfers at once than allowed', async () => {
    const source = new MemoryStore();
    const layers: Descriptor[] = [];
    for (let i = 0; i < 20; i++) layers.push(await pushBytes(source, 'a/b', Buffer.from(`layer ${i}`)));
    await source.tag(await packManifest(source, { artifactType: 'a/b', layers }), 'v1');
    let [running, most] = [0, 0];
    const target = new MemoryStore();
    const push = target.push.bind(target);
    target.push = async (descriptor, content, options) => {
      most = Math.max(most, ++running);
      await new Promise((done) => setImmediate(done));
      await push(descriptor, content, options);
      running -= 1;
    };
    await copy(source, 'v1', target, 'v1', { concurrency: 4 });
    expect(most).toBe(4);
  });

  it('that is aborted ends at once, also while a registry says nothing', async () => {
    const server = createServer(() => undefined);
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const address = server.address();
    const host = `127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
    const controller = new AbortController();
    server.once('request', () => controller.abort());
    const silent = repositoryAt(host, { idleTimeoutMs: 600_000 });
    const copying = copy(silent, 'v1', new MemoryStore(), 'v1', { signal: controller.signal });
    await expect(copying).rejects.toMatchObject({ code: 'ERR_OCI_ABORTED' });
    server.closeAllConnections();
    server.close();
  });

  it('tells progress of each blob in turn: start, bytes up to its size, done', async () => {
    const source = new MemoryStore();
    const root = await packSample(source);
    await source.tag(root, 'v1');
    const told = new Map<string, string[]>();
    await copy(source, 'v1', new MemoryStore(), 'v1', {
      onProgress: ({ descriptor, phase, bytes }) =>
        told.set(descriptor.digest, [...(told.get(descriptor.digest) ?? []), `${phase} ${bytes}/${descriptor.size}`]),
    });
    const layer = Buffer.from('layer of application/vnd.example.v1');
    expect(told.get(digestOf(layer))).toEqual(['start 0/35', 'bytes 35/35', 'done 35/35']);
    expect(told.get(root.digest)).toEqual([`done ${root.size}/${root.size}`]);
    expect(await list(source.predecessors(root))).toEqual([]);
  });
});
