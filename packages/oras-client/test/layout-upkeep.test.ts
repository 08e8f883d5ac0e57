import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  copy,
  type Descriptor,
  fetchBytes,
  type ImageIndex,
  MemoryStore,
  OciLayoutStore,
  packManifest,
  pushBytes,
} from '../src/index.ts';
import { packPlatforms, packSample } from './support/graphs.ts';
import { list } from './support/list.ts';

let folder: string;
let path: string;
let store: OciLayoutStore;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'layout-upkeep-'));
  path = join(folder, 'layout');
  store = await OciLayoutStore.open(path, { create: true });
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const indexFile = (): string => join(path, 'index.json');
const readIndex = async (): Promise<ImageIndex> => JSON.parse(await readFile(indexFile(), 'utf8')) as ImageIndex;
const blobFile = ({ digest }: Descriptor): string => join(path, 'blobs', ...digest.split(':'));
const blobs = async (): Promise<string[]> =>
  (await readdir(join(path, 'blobs/sha256'))).map((hex) => `sha256:${hex}`).sort();

describe('upkeep of a layout', () => {
  it('untag takes the name, and leaves the manifest to be found by digest', async () => {
    const root = await packSample(store);
    await store.tag(root, 'v1');
    await store.tag(root, 'v2');
    await store.untag('v1');
    expect(await store.tags()).toEqual(['v2']);
    await store.untag('v2');
    expect((await store.resolve(root.digest)).digest).toBe(root.digest);
    expect((await readIndex()).manifests).toHaveLength(1);
    await expect(store.untag('v2')).rejects.toMatchObject({ code: 'ERR_OCI_NOT_FOUND' });
  });

  it('delete takes a manifest with its names, and gc what nothing refers to any more', async () => {
    const [kept, gone] = [await packSample(store), await packSample(store, undefined, 'application/vnd.example.gone')];
    const signature = await packSample(store, kept, 'application/vnd.example.signature');
    for (const [root, name] of [
      [kept, 'kept'],
      [gone, 'gone'],
      [gone, 'also-gone'],
    ] as const)
      await store.tag(root, name);
    const before = await blobs();
    await store.delete(gone);
    expect(await store.tags()).toEqual(['kept']);
    await expect(store.resolve(gone.digest)).rejects.toMatchObject({ code: 'ERR_OCI_NOT_FOUND' });
    await expect(store.delete(gone)).rejects.toMatchObject({ code: 'ERR_OCI_NOT_FOUND' });
    expect(await store.gc()).toEqual([]);
    expect(await store.gc({ graceMs: -1000 })).toHaveLength(1);
    expect(await blobs()).toHaveLength(before.length - 2);
    const copied = new MemoryStore();
    await copy(store, 'kept', copied, 'kept', { withReferrers: true });
    expect(await copied.exists(signature)).toBe(true);
  });

  it('gc keeps an old blob that somebody has just found there, since its manifest may be on the way', async () => {
    const [found, forgotten] = [
      await pushBytes(store, 'a/b', Buffer.from('found')),
      await pushBytes(store, 'a/b', Buffer.from('forgotten')),
    ];
    for (const blob of [found, forgotten]) await utimes(blobFile(blob), 0, 0);
    expect(await store.exists(found)).toBe(true);
    const unfinished = `${blobFile(found)}.01234567-89ab-cdef-0123-456789abcdef.tmp`;
    await writeFile(unfinished, 'half');
    await utimes(unfinished, 0, 0);
    expect(await store.gc()).toEqual([forgotten.digest]);
    expect(await blobs()).toEqual([found.digest]);
    expect(await store.exists(found)).toBe(true);
  });

  it('gc keeps what nested indexes and subjects hold, and files that are no blobs', async () => {
    const { root, byArchitecture } = await packPlatforms(store);
    const evidence = await packSample(store, byArchitecture[3], 'application/vnd.example.evidence');
    await store.tag(root, 'v1');
    // Other tools list only what nothing else refers to.
    const index = await readIndex();
    const outer = index.manifests.filter(({ digest }) => [root.digest, evidence.digest].includes(digest));
    await writeFile(indexFile(), JSON.stringify({ ...index, manifests: outer }));
    await writeFile(join(path, 'blobs/sha256/README'), 'not a blob');
    const before = await blobs();
    expect(await store.gc({ graceMs: -1000 })).toEqual([]);
    expect(await blobs()).toEqual(before);
  });

  it('gc removes nothing where a manifest cannot be read', async () => {
    const root = await packSample(store);
    await store.tag(root, 'v1');
    await writeFile(blobFile(root), 'x'.repeat(root.size));
    const before = await blobs();
    await expect(store.gc({ graceMs: -1000 })).rejects.toMatchObject({ code: 'ERR_OCI_DIGEST_MISMATCH' });
    expect(await blobs()).toEqual(before);
  });

  it('goes on beside writers, and nothing of theirs is lost', async () => {
    const writers = Array.from({ length: 4 }, async (_, i) => {
      const other = await OciLayoutStore.open(path);
      for (let n = 0; n < 5; n++) await other.tag(await packSample(other, undefined, `a/w${i}-${n}`), `w${i}-${n}`);
    });
    const collecting = Array.from({ length: 4 }, () => store.gc());
    await Promise.all([...writers, ...collecting]);
    for (const name of await store.tags()) await copy(store, name, new MemoryStore(), name);
    expect(await store.tags()).toHaveLength(20);
  });
});

describe('a layout of another tool', () => {
  it('without names gives its manifests by digest, also those inside an index, and says what it has', async () => {
    const { root, byArchitecture } = await packPlatforms(store);
    await writeFile(
      indexFile(),
      JSON.stringify({
        schemaVersion: 2,
        manifests: [{ mediaType: root.mediaType, digest: root.digest, size: root.size }],
      }),
    );
    await expect(store.resolve('latest')).rejects.toMatchObject({
      code: 'ERR_OCI_NOT_FOUND',
      hint: `It has: no tags, but ${root.digest}`,
    });
    for (const { digest } of [root, ...byArchitecture]) expect((await store.resolve(digest)).digest).toBe(digest);
    await expect(store.resolve(`sha256:${'0'.repeat(64)}`)).rejects.toMatchObject({ code: 'ERR_OCI_NOT_FOUND' });
    await store.tag(root, 'mine');
    expect((await store.resolve('mine')).digest).toBe(root.digest);
  });

  it('whose blobs are links to files is read, and verified as ever', async () => {
    const blob = await pushBytes(store, 'a/b', Buffer.from('content'));
    await rename(blobFile(blob), join(folder, 'elsewhere'));
    await symlink(join(folder, 'elsewhere'), blobFile(blob));
    expect(Buffer.from(await fetchBytes(store, blob)).toString()).toBe('content');
    await writeFile(join(folder, 'elsewhere'), 'CONTENT');
    await expect(fetchBytes(store, blob)).rejects.toMatchObject({ code: 'ERR_OCI_DIGEST_MISMATCH' });
  });

  it('whose blob is a pipe, a device or a folder is refused, and does not hang', async () => {
    const blob = await pushBytes(store, 'a/b', Buffer.from('content'));
    for (const make of [
      () => void execFileSync('mkfifo', [blobFile(blob)]),
      () => symlink('/dev/zero', blobFile(blob)),
      () => mkdir(blobFile(blob)),
    ]) {
      await rm(blobFile(blob), { recursive: true });
      await make();
      expect(await store.exists(blob)).toBe(false);
      await expect(fetchBytes(store, blob)).rejects.toMatchObject({ code: 'ERR_OCI_INVALID_LAYOUT' });
    }
  });

  it('whose folder of blobs is a link is read, but nothing is written through it', async () => {
    const root = await packSample(store);
    await store.tag(root, 'v1');
    for (const name of ['blobs/sha256', 'blobs']) {
      await rename(join(path, name), join(folder, 'moved'));
      await symlink(join(folder, 'moved'), join(path, name));
      expect((await copy(store, 'v1', new MemoryStore(), 'v1')).digest).toBe(root.digest);
      await expect(pushBytes(store, 'a/b', Buffer.from(name))).rejects.toMatchObject({
        code: 'ERR_OCI_INVALID_LAYOUT',
        message: expect.stringContaining('symbolic link'),
      });
      await rm(join(path, name));
      await rename(join(folder, 'moved'), join(path, name));
    }
  });

  it('that misses a blob says which, and on whose side', async () => {
    const source = new MemoryStore();
    const layer = await pushBytes(store, 'a/b', Buffer.from('layer'));
    await store.tag(await packManifest(store, { artifactType: 'a/b', layers: [layer] }), 'v1');
    await rm(blobFile(layer));
    await expect(copy(store, 'v1', source, 'v1')).rejects.toMatchObject({
      code: 'ERR_OCI_NOT_FOUND',
      side: 'source',
      message: expect.stringContaining(layer.digest),
    });
  });

  it.each<[string, (root: Descriptor) => string | Buffer]>([
    ['no JSON', () => '{'],
    ['a number', () => '7'],
    ['no manifests', () => '{}'],
    ['a manifest without digest', () => '{"manifests":[{"mediaType":"a/b","size":1}]}'],
    ['a negative size', ({ digest }) => JSON.stringify({ manifests: [{ mediaType: 'a/b', digest, size: -1 }] })],
    ['a size that is text', ({ digest }) => JSON.stringify({ manifests: [{ mediaType: 'a/b', digest, size: '1' }] })],
    [
      'annotations that are no text',
      (root) => JSON.stringify({ manifests: [{ ...root, annotations: { 'org.opencontainers.image.ref.name': 7 } }] }),
    ],
    ['more bytes than are read', () => Buffer.alloc(17 * 1024 * 1024, ' ')],
  ])('with an index of %s is refused', async (_what, content) => {
    const root = await packSample(store);
    await writeFile(indexFile(), content(root));
    for (const action of [() => store.resolve('v1'), () => store.tags(), () => list(store.predecessors(root))])
      await expect(action()).rejects.toMatchObject({
        code: expect.stringMatching(/^ERR_OCI_(?:INVALID_LAYOUT|SIZE_EXCEEDED)$/),
      });
    await expect(store.tag(root, 'v1')).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_OCI_(?:INVALID_LAYOUT|SIZE_EXCEEDED)$/),
    });
    expect(await readdir(path)).not.toContain('index.json.lock');
  });

  it('whose index.json is a pipe does not hang', async () => {
    await rm(indexFile());
    execFileSync('mkfifo', [indexFile()]);
    await expect(store.tags()).rejects.toMatchObject({ code: 'ERR_OCI_INVALID_LAYOUT' });
  });
});
