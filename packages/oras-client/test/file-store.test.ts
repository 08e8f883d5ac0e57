import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  copy,
  type Descriptor,
  digestOf,
  FileStore,
  MemoryStore,
  packManifest,
  pushBytes,
  safePathParts,
} from '../src/index.ts';

const TITLE = 'org.opencontainers.image.title';
let folder: string;
let out: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'file-store-'));
  out = join(folder, 'out');
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** An artifact whose layers have these titles; equal contents are equal blobs. */
async function packTitled(files: Record<string, string>): Promise<MemoryStore> {
  const store = new MemoryStore();
  const layers: Descriptor[] = [];
  for (const [title, text] of Object.entries(files)) {
    const annotations = { [TITLE]: title };
    layers.push({ ...(await pushBytes(store, 'application/octet-stream', Buffer.from(text))), annotations });
  }
  await store.tag(await packManifest(store, { artifactType: 'a/b', layers }), 'v1');
  return store;
}

const filesOf = async (path: string): Promise<string[]> =>
  (await readdir(path, { recursive: true, withFileTypes: true }))
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1))
    .sort();

describe('a store of files', () => {
  it('makes layers of files and files of layers, with the same bytes and digests', async () => {
    await writeFile(join(folder, 'one.txt'), 'one');
    await mkdir(join(folder, 'sub'));
    await writeFile(join(folder, 'sub/two.txt'), 'two');
    const source = await FileStore.open(folder);
    const layers = [
      await source.add('one.txt', { mediaType: 'text/plain' }),
      await source.add('sub/two.txt', { title: 'sub/two.txt', annotations: { a: 'b' } }),
    ];
    expect(layers[0]).toEqual({
      mediaType: 'text/plain',
      digest: digestOf(Buffer.from('one')),
      size: 3,
      annotations: { [TITLE]: 'one.txt' },
    });
    const root = await packManifest(source, { artifactType: 'a/b', layers });
    await source.tag(root, 'v1');
    const between = new MemoryStore();
    await copy(source, 'v1', between, 'v1');
    const target = await FileStore.open(out);
    expect((await copy(between, 'v1', target, 'v1')).digest).toBe(root.digest);
    expect(await filesOf(out)).toEqual(['one.txt', 'sub/two.txt']);
    expect(await readFile(join(out, 'sub/two.txt'), 'utf8')).toBe('two');
    expect(target.files().map(({ title }) => title)).toEqual(['one.txt', 'sub/two.txt']);
  });

  it('writes every name of equal content', async () => {
    await copy(await packTitled({ 'a.txt': 'same', 'b/c.txt': 'same' }), 'v1', await FileStore.open(out), 'v1');
    expect(await filesOf(out)).toEqual(['a.txt', 'b/c.txt']);
    expect(await readFile(join(out, 'b/c.txt'), 'utf8')).toBe('same');
  });

  it.each([
    '../escape',
    'a/../../escape',
    '/etc/escape',
    '..',
    '.',
    '',
    'a//b',
    'a\\..\\b',
    'C:evil',
    'a\u0000b',
    'a\nb',
    '\u202Etxt.exe',
    'NUL',
    'sub/com1.txt',
    'dot.',
    ' lead',
    'x'.repeat(300),
    'y/'.repeat(600),
  ])('writes nothing under the title %j', async (title) => {
    expect(() => safePathParts(title)).toThrow(expect.objectContaining({ code: 'ERR_OCI_UNSAFE_PATH' }) as Error);
    const copying = copy(await packTitled({ [title]: 'x' }), 'v1', await FileStore.open(out), 'v1');
    await expect(copying).rejects.toMatchObject({ code: 'ERR_OCI_UNSAFE_PATH' });
    expect(await filesOf(out)).toEqual([]);
    expect(await readdir(folder)).toEqual(['out']);
  });

  it.each([
    'plain.txt',
    'a/b/c',
    './a',
    '.hidden',
    'exec-watch-1.0.0+build.1.tar.gz',
    'ünïcode',
    'time 12:30',
    'console',
  ])('takes the title %j', (title) => {
    expect(safePathParts(title).length).toBeGreaterThan(0);
  });

  it('follows no link, in the middle or at the end of a path', async () => {
    await mkdir(out);
    const outside = join(folder, 'outside');
    await mkdir(outside);
    await symlink(outside, join(out, 'sub'));
    await symlink(join(outside, 'file'), join(out, 'end'));
    for (const overwrite of [false, true]) {
      for (const title of ['sub/file', 'end']) {
        const target = await FileStore.open(out, { overwrite });
        const copying = copy(await packTitled({ [title]: 'x' }), 'v1', target, 'v1');
        await expect(copying, title).rejects.toMatchObject({
          code: expect.stringMatching(/^ERR_OCI_(?:UNSAFE_PATH|ALREADY_EXISTS)$/),
        });
      }
    }
    expect(await readdir(outside)).toEqual([]);
    expect((await readdir(out)).sort()).toEqual(['end', 'sub']);
  });

  it('replaces a file only where it is asked to, and takes equal bytes for there already', async () => {
    await mkdir(out);
    await writeFile(join(out, 'a.txt'), 'mine');
    const source = await packTitled({ 'a.txt': 'theirs' });
    await expect(copy(source, 'v1', await FileStore.open(out), 'v1')).rejects.toMatchObject({
      code: 'ERR_OCI_ALREADY_EXISTS',
      side: 'destination',
    });
    expect(await readFile(join(out, 'a.txt'), 'utf8')).toBe('mine');
    await copy(source, 'v1', await FileStore.open(out, { overwrite: true }), 'v1');
    expect(await readFile(join(out, 'a.txt'), 'utf8')).toBe('theirs');
    const phases: string[] = [];
    await copy(source, 'v1', await FileStore.open(out), 'v1', {
      onProgress: (event) => void (event.descriptor.annotations && phases.push(event.phase)),
    });
    expect(phases).toEqual(['skipped']);
  });

  it('keeps nothing of content that is wrong or breaks off', async () => {
    const target = await FileStore.open(out);
    const bytes = Buffer.from('right');
    const descriptor = {
      mediaType: 'a/b',
      digest: digestOf(bytes),
      size: bytes.length,
      annotations: { [TITLE]: 'sub/a' },
    };
    for (const wrong of ['wrong', 'right and more', 'ri'])
      await expect(target.push(descriptor, Buffer.from(wrong))).rejects.toMatchObject({
        code: expect.stringMatching(/MISMATCH$/),
      });
    expect(await filesOf(out)).toEqual([]);
    await target.push(descriptor, bytes);
    expect(await filesOf(out)).toEqual(['sub/a']);
  });

  it('refuses two layers of one name, in both directions', async () => {
    const store = await packTitled({ 'a.txt': 'one', 'b.txt': 'two' });
    const layers = ['one', 'two'].map((text) => ({
      mediaType: 'application/octet-stream',
      digest: digestOf(Buffer.from(text)),
      size: 3,
      annotations: { [TITLE]: 'same.txt' },
    }));
    await store.tag(await packManifest(store, { artifactType: 'a/b', layers }), 'v2');
    await expect(copy(store, 'v2', await FileStore.open(out), 'v2')).rejects.toMatchObject({
      code: 'ERR_OCI_ALREADY_EXISTS',
    });
    const overwriting = await FileStore.open(out, { overwrite: true });
    await rm(join(out, 'same.txt'), { force: true });
    await expect(copy(store, 'v2', overwriting, 'v2')).rejects.toMatchObject({ code: 'ERR_OCI_ALREADY_EXISTS' });
    const source = await FileStore.open(folder);
    for (const name of ['1', '2']) await writeFile(join(folder, name), name);
    await source.add('1', { title: 'same' });
    await expect(source.add('2', { title: 'same' })).rejects.toMatchObject({ code: 'ERR_OCI_ALREADY_EXISTS' });
  });

  it('packs no folder, nothing that is missing, and no name that a receiver would refuse', async () => {
    const source = await FileStore.open(folder);
    await mkdir(join(folder, 'sub'));
    await writeFile(join(folder, 'a'), 'a');
    await expect(source.add('sub')).rejects.toMatchObject({ code: 'ERR_OCI_STORAGE', hint: /tar/ });
    await expect(source.add('missing')).rejects.toMatchObject({ code: 'ERR_OCI_NOT_FOUND' });
    await expect(source.add('a', { title: '../a' })).rejects.toMatchObject({ code: 'ERR_OCI_UNSAFE_PATH' });
  });

  it('finds out a file that changed after it was added', async () => {
    await writeFile(join(folder, 'a'), 'before');
    const source = await FileStore.open(folder);
    const layers = [await source.add('a')];
    await source.tag(await packManifest(source, { artifactType: 'a/b', layers }), 'v1');
    await writeFile(join(folder, 'a'), 'after!');
    await expect(copy(source, 'v1', new MemoryStore(), 'v1')).rejects.toMatchObject({
      code: 'ERR_OCI_DIGEST_MISMATCH',
      side: 'source',
    });
  });

  it('keeps content without a name in memory only up to its limit', async () => {
    const source = new MemoryStore();
    const layers = [await pushBytes(source, 'a/b', Buffer.alloc(2000))];
    await source.tag(await packManifest(source, { artifactType: 'a/b', layers }), 'v1');
    await expect(copy(source, 'v1', await FileStore.open(out, { memoryLimit: 1000 }), 'v1')).rejects.toMatchObject({
      code: 'ERR_OCI_LIMIT',
    });
  });
});
