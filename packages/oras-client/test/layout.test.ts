import { execFile, execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Descriptor, digestOf, type ImageIndex, OciLayoutStore, packManifest, pushBytes } from '../src/index.ts';
import { list } from './support/list.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'layout-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function readIndex(path: string): Promise<ImageIndex> {
  return JSON.parse(await readFile(join(path, 'index.json'), 'utf8')) as ImageIndex;
}

const describeBytes = (bytes: Uint8Array): Descriptor => ({
  mediaType: 'application/octet-stream',
  digest: digestOf(bytes),
  size: bytes.length,
});

describe('an OCI layout', () => {
  it('that loses a tag to another manifest keeps the old one, to be found by digest', async () => {
    const store = await OciLayoutStore.open(folder, { create: true });
    const [one, two] = [
      await packManifest(store, { artifactType: 'a/one' }),
      await packManifest(store, { artifactType: 'a/two' }),
    ];
    await store.tag(one, 'latest');
    await store.tag(one, 'latest');
    await store.tag(one, '1');
    await store.tag(two, 'latest');
    expect((await store.resolve('latest')).digest).toBe(two.digest);
    await store.tag(two, '1');
    expect((await store.resolve(one.digest)).digest).toBe(one.digest);
    expect((await store.tags()).sort((a, b) => (a < b ? -1 : 1))).toEqual(['1', 'latest']);
    expect((await readIndex(folder)).manifests).toHaveLength(3);
  });

  it('is written by several processes at the same time, and nothing is lost', async () => {
    const face = new URL('../src/index.ts', import.meta.url).href;
    const program = `
      const { OciLayoutStore, packManifest } = await import(${JSON.stringify(face)});
      const store = await OciLayoutStore.open(${JSON.stringify(join(folder, 'x'))}, { create: true });
      for (let i = 0; i < 5; i++) {
        await store.tag(await packManifest(store, { artifactType: 'a/b', annotations: { by: process.argv[1] + i } }), process.argv[1] + i);
      }
    `;
    const run = promisify(execFile);
    await Promise.all(
      ['a', 'b', 'c'].map((name) => run(process.execPath, ['--input-type=module', '-e', program, name])),
    );
    const store = await OciLayoutStore.open(join(folder, 'x'));
    expect(await store.tags()).toHaveLength(15);
    expect((await readdir(join(folder, 'x'))).sort((a, b) => (a < b ? -1 : 1))).toEqual([
      'blobs',
      'index.json',
      'oci-layout',
    ]);
  });

  it.each([
    ['of a process that is gone', async () => `${await deadProcess()} ${hostname()}\n`],
    ['of another machine, long ago', () => '1 elsewhere\n'],
    ['that is empty, long ago', () => ''],
  ])('takes over a lock %s', async (what, content) => {
    const store = await OciLayoutStore.open(folder, { create: true });
    const lock = join(folder, 'index.json.lock');
    await writeFile(lock, await content());
    if (what.includes('long ago')) await utimes(lock, 0, 0);
    await store.tag(await packManifest(store, { artifactType: 'a/b' }), 'v1');
    expect(await readdir(folder)).not.toContain('index.json.lock');
  });

  it('takes over a lock and its guard, whose processes were killed', async () => {
    const store = await OciLayoutStore.open(folder, { create: true });
    const owner = `${await deadProcess()} ${hostname()}`;
    for (const name of ['index.json.lock', 'index.json.lock.takeover', 'index.json.lock.takeover.takeover'])
      await symlink(owner, join(folder, name));
    await writeFile(join(folder, 'index.json.0-0.tmp'), '{"manifests"');
    await store.tag(await packManifest(store, { artifactType: 'a/b' }), 'v1');
    expect((await readdir(folder)).toSorted()).toEqual(['blobs', 'index.json', 'oci-layout']);
  });

  it('gives a part of a blob, and refuses a part outside', async () => {
    const store = await OciLayoutStore.open(folder, { create: true });
    const blob = await pushBytes(store, 'application/octet-stream', Buffer.from('0123456789'));
    const part = async (range: readonly [number, number]): Promise<string> =>
      Buffer.concat(await list(await store.fetch(blob, { range }))).toString();
    expect(await part([2, 4])).toBe('234');
    expect(await part([9, 9])).toBe('9');
    for (const range of [
      [0, 10],
      [5, 4],
      [-1, 2],
      [0.5, 2],
    ] as const) {
      await expect(part(range), String(range)).rejects.toMatchObject({ code: 'ERR_OCI_INVALID_RANGE' });
    }
  });

  it('whose blob was changed on the disk is found out', async () => {
    const store = await OciLayoutStore.open(folder, { create: true });
    const blob = await pushBytes(store, 'application/octet-stream', Buffer.from('0123456789'));
    const file = join(folder, 'blobs', ...blob.digest.split(':'));
    await writeFile(file, '012345678X');
    await expect(list(await store.fetch(blob))).rejects.toMatchObject({ code: 'ERR_OCI_DIGEST_MISMATCH' });
    await writeFile(file, 'short');
    await expect(store.fetch(blob)).rejects.toMatchObject({ code: 'ERR_OCI_SIZE_MISMATCH' });
  });

  it.each([
    ['oci-layout', '{"imageLayoutVersion":"2.0.0"}', 'ERR_OCI_INVALID_LAYOUT'],
    ['oci-layout', '<', 'ERR_OCI_INVALID_LAYOUT'],
    ['oci-layout', 'null', 'ERR_OCI_INVALID_LAYOUT'],
    ['index.json', '[]', 'ERR_OCI_INVALID_LAYOUT'],
    [
      'index.json',
      '{"manifests":[{"digest":"sha256:../../etc/passwd","size":1,"mediaType":"x"}]}',
      'ERR_OCI_INVALID_LAYOUT',
    ],
  ])('with a bad %s %s is refused', async (file, content, code) => {
    await OciLayoutStore.open(folder, { create: true });
    await writeFile(join(folder, file), content);
    await expect(OciLayoutStore.open(folder).then((store) => store.resolve('x'))).rejects.toMatchObject({ code });
  });

  it('does not write where the path of a digest would lead outside', async () => {
    const store = await OciLayoutStore.open(folder, { create: true });
    const bytes = Buffer.from('x');
    for (const digest of ['sha256:../../../escape', `sha256/..:${'a'.repeat(64)}`, `md5:${'a'.repeat(32)}`]) {
      await expect(store.push({ ...describeBytes(bytes), digest }, bytes)).rejects.toMatchObject({
        code: 'ERR_OCI_INVALID_DIGEST',
      });
    }
  });

  it('passes on the errors of a source as they are, and leaves nothing of it', async () => {
    const store = await OciLayoutStore.open(folder, { create: true });
    const blob = describeBytes(Buffer.alloc(100));
    await expect(store.push(blob, broken)).rejects.toThrow(RangeError);
    expect(await readdir(join(folder, 'blobs', 'sha256'))).toEqual([]);
  });
});

describe.skipIf(process.getuid?.() !== 0)('a full disk', () => {
  let mounted: string;

  beforeEach(async () => {
    mounted = join(folder, 'small');
    await mkdir(mounted);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', mounted]);
  });

  afterEach(() => {
    execFileSync('umount', [mounted]);
  });

  it('is a typed error, leaves no part of the blob, and lets smaller ones be written afterwards', async () => {
    const store = await OciLayoutStore.open(mounted, { create: true });
    const big = Buffer.alloc(200 * 1024, 1);
    const chunks = async function* (): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < 200; i++) yield big.subarray(i * 1024, (i + 1) * 1024);
    };
    await expect(store.push(describeBytes(big), chunks)).rejects.toMatchObject({
      code: 'ERR_OCI_NO_SPACE',
      hint: expect.stringMatching(/disk space/),
    });
    expect(await readdir(join(mounted, 'blobs', 'sha256'))).toEqual([]);
    await store.tag(await packManifest(store, { artifactType: 'a/b' }), 'v1');
  });

  it('while the index is written keeps the old index and no lock', async () => {
    const store = await OciLayoutStore.open(mounted, { create: true });
    const root = await packManifest(store, { artifactType: 'a/b' });
    await store.tag(root, 'v1');
    let size = 64 * 1024;
    for (let i = 0; size > 0; i++) {
      const filler = writeFile(join(mounted, `filler-${i}`), Buffer.alloc(size));
      if (
        !(await filler.then(
          () => true,
          () => false,
        ))
      )
        size = Math.floor(size / 2);
    }
    await expect(store.tag(root, 'v2')).rejects.toMatchObject({ code: 'ERR_OCI_NO_SPACE' });
    expect(await store.tags()).toEqual(['v1']);
    const left = (await readdir(mounted)).filter((name) => !name.startsWith('filler'));
    expect(left.sort((a, b) => (a < b ? -1 : 1))).toEqual(['blobs', 'index.json', 'oci-layout']);
  });
});

async function deadProcess(): Promise<number> {
  const running = promisify(execFile)(process.execPath, ['-e', '']);
  await running;
  return running.child.pid ?? 0;
}

async function* broken(): AsyncGenerator<Uint8Array> {
  yield Buffer.alloc(10);
  throw new RangeError('the source broke');
}
