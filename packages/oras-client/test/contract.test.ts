import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createRegistry, type Registry } from '@bpfship/registry-dev';
import {
  copy,
  type Deleter,
  digestOf,
  fetchBytes,
  fetchManifest,
  fetchPartial,
  FileStore,
  type GraphSource,
  type GraphTarget,
  MEDIA_TYPE_INDEX,
  MemoryStore,
  OciArchiveStore,
  OciLayoutStore,
  packManifest,
  pushBytes,
  type OciError,
  type ReadOnlyTarget,
  Repository,
  tagBytes,
  tagN,
  type Untagger,
} from '../src/index.ts';
import { type RunningRegistry, startDockerRegistry } from './docker-registry.ts';
import { packPlatforms, packSample } from './support/graphs.ts';
import { list } from './support/list.ts';

let folder: string;
let registry: Registry;
let withoutReferrers: Registry;
let docker: RunningRegistry;
let counter = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'oras-client-'));
  registry = await createRegistry({ root: join(folder, 'registry') });
  withoutReferrers = await createRegistry({ root: join(folder, 'old'), referrersApi: false });
  docker = await startDockerRegistry();
});

afterAll(async () => {
  await registry?.close();
  await withoutReferrers?.close();
  await docker?.close();
  await rm(folder, { recursive: true, force: true });
});

const targets: [string, () => Promise<GraphTarget>][] = [
  ['memory', () => Promise.resolve(new MemoryStore())],
  ['files', () => FileStore.open(join(folder, `files-${counter++}`))],
  ['OCI layout', () => OciLayoutStore.open(join(folder, `layout-${counter++}`), { create: true })],
  [
    'registry-dev',
    () => Promise.resolve(new Repository({ registry: registry.host, repository: `test/r${counter++}` })),
  ],
  [
    'registry without referrers API',
    () => Promise.resolve(new Repository({ registry: withoutReferrers.host, repository: `test/r${counter++}` })),
  ],
  [
    'docker-registry 2.8',
    () => Promise.resolve(new Repository({ registry: docker.host, repository: `test/r${counter++}` })),
  ],
];

describe.each(targets)('%s', (_name, open) => {
  it('gives back what was pushed, and resolves tags and digests', async () => {
    const target = await open();
    const root = await packSample(target);
    await target.tag(root, '1.0.0');
    expect(await target.resolve('1.0.0')).toMatchObject({
      digest: root.digest,
      size: root.size,
      mediaType: root.mediaType,
    });
    expect((await target.resolve(root.digest)).digest).toBe(root.digest);
    const { manifest } = await fetchManifest(target, root);
    expect(manifest).toMatchObject({ artifactType: 'application/vnd.example.v1', annotations: { a: '1', b: '2' } });
  });

  it('says that what was never pushed is not there', async () => {
    const target = await open();
    const missing = { mediaType: 'application/octet-stream', digest: digestOf(Buffer.from('no')), size: 2 };
    await packSample(target);
    expect(await target.exists(missing)).toBe(false);
    await expect(fetchBytes(target, missing)).rejects.toMatchObject({ code: 'ERR_OCI_NOT_FOUND' });
    await expect(target.resolve('nothing')).rejects.toMatchObject({ code: 'ERR_OCI_NOT_FOUND' });
  });

  it('refuses content whose digest or size is wrong, and keeps nothing of it', async () => {
    const target = await open();
    const right = Buffer.from('right');
    const descriptor = { mediaType: 'application/octet-stream', digest: digestOf(right), size: right.length };
    for (const wrong of ['wrong', 'right and more', 'ri']) {
      await expect(target.push(descriptor, Buffer.from(wrong)), wrong).rejects.toMatchObject({
        code: expect.stringMatching(/^ERR_OCI_(DIGEST|SIZE)_MISMATCH$/),
      });
    }
    expect(await target.exists(descriptor)).toBe(false);
    await target.push(descriptor, right);
    expect(Buffer.from(await fetchBytes(target, descriptor)).toString()).toBe('right');
  });

  it('lists referrers with their types, filtered and not', async () => {
    const target = await open();
    const root = await packSample(target);
    expect(await list(target.predecessors(root))).toEqual([]);
    const a = await packSample(target, root, 'application/vnd.example.a');
    const b = await packSample(target, root, 'application/vnd.example.b');
    const all = await list(target.predecessors(root));
    expect(all.map(({ digest }) => digest).sort()).toEqual([a.digest, b.digest].sort());
    expect(all.find(({ digest }) => digest === a.digest)).toMatchObject({
      artifactType: 'application/vnd.example.a',
      annotations: { a: '1' },
    });
    const filtered = await list(target.predecessors(root, { artifactType: 'application/vnd.example.b' }));
    expect(filtered.map(({ digest }) => digest)).toEqual([b.digest]);
  });

  it('keeps every referrer of writers that attach at the same time', async () => {
    const target = await open();
    const root = await packSample(target);
    const types = Array.from({ length: 6 }, (_, i) => `application/vnd.example.n${i}`);
    await Promise.all(types.map((type) => packSample(target, root, type)));
    const found = await list(target.predecessors(root));
    expect(new Set(found.map(({ artifactType }) => artifactType))).toEqual(new Set(types));
    expect(found).toHaveLength(types.length);
  });

  it('gives a part of a blob', async () => {
    const target = await open();
    const blob = await pushBytes(target, 'application/octet-stream', Buffer.from('0123456789'));
    expect(Buffer.concat(await list(await target.fetch(blob, { range: [2, 4] }))).toString()).toBe('234');
    await expect(target.fetch(blob, { range: [0, 10] })).rejects.toMatchObject({ code: 'ERR_OCI_INVALID_RANGE' });
  });

  it('moves a tag, and keeps what had it before', async () => {
    const target = await open();
    const [one, two] = [await packSample(target), await packSample(target, undefined, 'application/vnd.example.two')];
    await target.tag(one, 'latest');
    await target.tag(two, 'latest');
    expect((await target.resolve('latest')).digest).toBe(two.digest);
    expect((await target.resolve(one.digest)).digest).toBe(one.digest);
  });

  it('gives a manifest several tags', async () => {
    const target = await open();
    const root = await packSample(target);
    await target.tag(root, '1.2.3');
    expect((await tagN(target, '1.2.3', ['1.2', '1', 'latest', '1'])).digest).toBe(root.digest);
    for (const name of ['1.2', '1', 'latest']) expect((await target.resolve(name)).digest).toBe(root.digest);
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE_INDEX, manifests: [] }));
    const index = await tagBytes(target, MEDIA_TYPE_INDEX, bytes, ['empty', 'none']);
    expect((await target.resolve('none')).digest).toBe(index.digest);
    await expect(tagN(target, 'nothing', ['x'])).rejects.toMatchObject({ code: 'ERR_OCI_NOT_FOUND' });
    await expect(tagBytes(target, 'text/plain', bytes, ['x'])).rejects.toMatchObject({
      code: 'ERR_OCI_INVALID_MANIFEST',
    });
  });

  it('takes a tag away, and removes content with its names, where it can', async () => {
    const target: GraphTarget & Partial<Untagger & Deleter> = await open();
    const [kept, gone] = [await packSample(target), await packSample(target, undefined, 'application/vnd.example.two')];
    const signature = await packSample(target, kept, 'application/vnd.example.signature');
    for (const name of ['a', 'b']) await target.tag(kept, name);
    await target.tag(gone, 'c');
    const untagged = await target.untag?.('a').then(
      () => true,
      (error: OciError) => expect(error.code).toBe('ERR_OCI_UNSUPPORTED'),
    );
    if (untagged) {
      await expect(target.resolve('a')).rejects.toMatchObject({ code: 'ERR_OCI_NOT_FOUND' });
      await expect(target.untag?.('nothing')).rejects.toMatchObject({ code: 'ERR_OCI_NOT_FOUND' });
    }
    expect((await target.resolve('b')).digest).toBe(kept.digest);
    if (!target.delete) return;
    await target.delete(gone);
    await expect(target.resolve('c')).rejects.toMatchObject({ code: 'ERR_OCI_NOT_FOUND' });
    await expect(target.delete(gone)).rejects.toMatchObject({ code: 'ERR_OCI_NOT_FOUND' });
    await target.delete(signature);
    expect(await list(target.predecessors(kept))).toEqual([]);
    expect((await target.resolve(kept.digest)).digest).toBe(kept.digest);
  });

  it('stops at once when it is aborted', async () => {
    const target = await open();
    const blob = await pushBytes(target, 'application/octet-stream', Buffer.from('0123456789'));
    const signal = AbortSignal.abort();
    await expect(fetchBytes(target, blob, { signal })).rejects.toMatchObject({ code: 'ERR_OCI_ABORTED' });
    const other = { ...blob, digest: digestOf(Buffer.from('9876543210')) };
    await expect(target.push(other, Buffer.from('9876543210'), { signal })).rejects.toMatchObject({
      code: 'ERR_OCI_ABORTED',
    });
    expect(await target.exists(other)).toBe(false);
  });

  it('takes a copy of a whole graph and gives it on, byte for byte', async () => {
    const source = new MemoryStore();
    const root = await packSample(source);
    await source.tag(root, 'v1');
    const signature = await packSample(source, root, 'application/vnd.example.signature');
    const target = await open();
    expect((await copy(source, 'v1', target, 'v2', { withReferrers: true })).digest).toBe(root.digest);
    const back = new MemoryStore();
    await copy(target, 'v2', back, 'v3', { withReferrers: true });
    expect((await back.resolve('v3')).digest).toBe(root.digest);
    expect((await list(back.predecessors(root))).map(({ digest }) => digest)).toEqual([signature.digest]);
  });
});

/** Everything that is read of a target that some store was copied into. */
const readers: [string, (source: MemoryStore) => Promise<ReadOnlyTarget & GraphSource>][] = [
  ...targets.map(([name, open]): (typeof readers)[number] => [
    name,
    async (source) => {
      const target = await open();
      await copy(source, 'v1', target, 'v1', { withReferrers: true });
      return target;
    },
  ]),
  [
    'OCI layout in a tar archive',
    async (source) => {
      const path = join(folder, `layout-${counter++}`);
      const layout = await OciLayoutStore.open(path, { create: true });
      await copy(source, 'v1', layout, 'v1', { withReferrers: true });
      execFileSync('tar', ['-cf', `${path}.tar`, '-C', path, '.']);
      const archive = await OciArchiveStore.open(`${path}.tar`);
      onTestFinished(() => archive.close());
      return archive;
    },
  ],
];

describe.each(readers)('%s, read', (_name, open) => {
  it('gives a graph of nested indexes with referrers, byte for byte', async () => {
    const source = new MemoryStore();
    const { root, byArchitecture } = await packPlatforms(source);
    await source.tag(root, 'v1');
    const [, , nested] = byArchitecture;
    const signature = await packSample(source, root, 'application/vnd.example.signature');
    const target = await open(source);
    expect((await target.resolve('v1')).digest).toBe(root.digest);
    expect((await target.resolve(nested?.digest ?? '')).digest).toBe(nested?.digest);
    const back = new MemoryStore();
    expect((await copy(target, 'v1', back, 'v2', { withReferrers: true })).digest).toBe(root.digest);
    for (const part of [...byArchitecture, signature]) expect(await back.exists(part)).toBe(true);
    const referrers = await list(target.predecessors(root));
    expect(referrers).toMatchObject([{ digest: signature.digest, artifactType: 'application/vnd.example.signature' }]);
    expect(await list(target.predecessors(root, { artifactType: 'application/vnd.example.other' }))).toEqual([]);
  });

  it('gives parts, and says of a part that it is not verified, and of the whole that it is', async () => {
    const source = new MemoryStore();
    const blob = await pushBytes(source, 'application/octet-stream', Buffer.from('0123456789'));
    await source.tag(await packManifest(source, { artifactType: 'a/b', layers: [blob] }), 'v1');
    const target = await open(source);
    const part = await fetchPartial(target, blob, [2, 4]);
    expect([Buffer.from(part.bytes).toString(), part.verified]).toEqual(['234', false]);
    const whole = await fetchPartial(target, blob, [0, 9]);
    expect([Buffer.from(whole.bytes).toString(), whole.verified]).toEqual(['0123456789', true]);
    await expect(fetchPartial(target, blob, [8, 10])).rejects.toMatchObject({ code: 'ERR_OCI_INVALID_RANGE' });
    await expect(fetchPartial(target, blob, [0, 9], { maxBytes: 5 })).rejects.toMatchObject({
      code: 'ERR_OCI_SIZE_EXCEEDED',
    });
  });

  it('says what is not there, finds out a wrong size, and stops at once when aborted', async () => {
    const source = new MemoryStore();
    const root = await packSample(source);
    await source.tag(root, 'v1');
    const target = await open(source);
    const missing = { mediaType: 'application/octet-stream', digest: digestOf(Buffer.from('no')), size: 2 };
    expect(await target.exists(missing)).toBe(false);
    await expect(fetchBytes(target, missing)).rejects.toMatchObject({ code: 'ERR_OCI_NOT_FOUND' });
    await expect(target.resolve('nothing')).rejects.toMatchObject({ code: 'ERR_OCI_NOT_FOUND' });
    await expect(fetchBytes(target, { ...root, size: root.size + 1 })).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_OCI_(?:SIZE|DIGEST)_MISMATCH$/),
    });
    const signal = AbortSignal.abort();
    for (const action of [
      () => target.resolve('v1', { signal }),
      () => target.exists(root, { signal }),
      () => fetchBytes(target, root, { signal }),
      () => list(target.predecessors(root, { signal })),
    ])
      await expect(action()).rejects.toMatchObject({ code: 'ERR_OCI_ABORTED' });
  });
});

it('packs the same manifest from the same options', async () => {
  const [a, b] = [await packSample(new MemoryStore()), await packSample(new MemoryStore())];
  expect(a).toEqual(b);
});

it('keeps the referrers of two writers that know nothing of each other, without a referrers API', async () => {
  const options = { registry: docker.host, repository: 'test/two-writers' };
  await using one = new Repository(options);
  await using two = new Repository(options);
  const root = await packSample(one);
  const types = Array.from({ length: 8 }, (_, i) => `application/vnd.example.n${i}`);
  await Promise.all(types.map((type, i) => packSample(i % 2 ? one : two, root, type)));
  const found = (await list(one.predecessors(root))).map(({ artifactType }) => artifactType);
  expect(new Set(found)).toEqual(new Set(types));
  expect(await list(one.tags())).toEqual([]);
});

it.each(['', 'no type', 'a/b; c=d', 'a/b\n'])('packs nothing of the type %j', async (artifactType) => {
  await expect(packManifest(new MemoryStore(), { artifactType })).rejects.toMatchObject({
    code: 'ERR_OCI_INVALID_MANIFEST',
  });
});

it('keeps content under a sha512 digest, or says that the registry cannot', async () => {
  const bytes = Buffer.from('content');
  const digest = `sha512:${createHash('sha512').update(bytes).digest('hex')}`;
  const descriptor = { mediaType: 'application/octet-stream', digest, size: bytes.length };
  for (const open of [targets[0]?.[1], targets[1]?.[1], targets[2]?.[1]]) {
    const target = await open?.();
    await target?.push(descriptor, bytes);
    expect(target && Buffer.from(await fetchBytes(target, descriptor)).toString()).toBe('content');
  }
  await using old = new Repository({ registry: docker.host, repository: 'test/sha512' });
  await expect(old.push(descriptor, bytes)).rejects.toMatchObject({
    code: 'ERR_OCI_DIGEST_MISMATCH',
    hint: expect.stringMatching(/sha256 only/),
  });
});
