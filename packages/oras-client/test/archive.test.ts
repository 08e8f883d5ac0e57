import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, link, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  copy,
  type Descriptor,
  fetchBytes,
  MemoryStore,
  OciArchiveStore,
  OciError,
  OciLayoutStore,
  openTarget,
  packManifest,
  pushBytes,
} from '../src/index.ts';
import { mutateBytes, randomFrom } from '../../../test/fuzz/mutate.ts';

let folder: string;
let layout: string;
let root: Descriptor;
let blob: Descriptor;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'archive-'));
  layout = join(folder, 'layout');
  const store = await OciLayoutStore.open(layout, { create: true });
  blob = await pushBytes(store, 'application/octet-stream', Buffer.alloc(300_000, 'blob'));
  root = await packManifest(store, { artifactType: 'a/b', layers: [blob] });
  await store.tag(root, 'v1');
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const blobFile = ({ digest }: Descriptor): string => join('blobs', ...digest.split(':'));
const tar = (...args: string[]): void => void execFileSync('tar', args);
/** Packs the layout as it is now. */
function pack(name: string, ...options: string[]): string {
  const path = join(folder, name);
  tar(...options, '-cf', path, '-C', layout, '.');
  return path;
}

async function readAll(path: string): Promise<string> {
  await using store = await OciArchiveStore.open(path);
  const target = new MemoryStore();
  const copied = await copy(store, 'v1', target);
  expect(copied.digest).toBe(root.digest);
  return Buffer.from(await fetchBytes(target, blob)).toString();
}

describe('an archive of a layout', () => {
  it.each(['ustar', 'gnu', 'pax'])('is read in the format %s, also with long names', async (format) => {
    // ustar has no room for the name of a sha512 blob.
    const algorithm = format === 'ustar' ? 'sha256' : 'sha512';
    const bytes = Buffer.from('one more');
    const digest = `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
    const store = await OciLayoutStore.open(layout);
    const long = { mediaType: 'application/octet-stream', digest, size: bytes.length };
    await store.push(long, bytes);
    const path = pack('a.tar', `--format=${format}`);
    expect(await readAll(path)).toBe(Buffer.alloc(300_000, 'blob').toString());
    await using archive = await OciArchiveStore.open(path);
    expect(Buffer.from(await fetchBytes(archive, long)).toString()).toBe('one more');
    expect(await archive.tags()).toEqual(['v1']);
  });

  it('is opened where a layout is named, and is only read', async () => {
    await using opened = await openTarget(`${pack('a.tar')}:v1`, { ociLayout: true });
    expect((await opened.target.resolve(opened.reference ?? '')).digest).toBe(root.digest);
    const source = new MemoryStore();
    await source.tag(await packManifest(source, { artifactType: 'a/c' }), 'v2');
    await expect(copy(source, 'v2', opened.target, 'v2')).rejects.toMatchObject({
      code: 'ERR_OCI_READ_ONLY',
      side: 'destination',
      hint: expect.stringContaining('tar'),
    });
    await expect(opened.target.tag(root, 'v3')).rejects.toMatchObject({ code: 'ERR_OCI_READ_ONLY' });
  });

  it.each(['gzip', 'zstd', 'xz', 'bzip2'])('that is compressed with %s is refused by name', async (program) => {
    const path = pack('a.tar', `--${program}`);
    await expect(OciArchiveStore.open(path)).rejects.toMatchObject({
      code: 'ERR_OCI_INVALID_LAYOUT',
      message: expect.stringContaining(program),
      hint: expect.stringContaining(path),
    });
  });

  it('in Docker’s own format is told apart', async () => {
    const path = join(folder, 'docker.tar');
    await writeFile(join(folder, 'manifest.json'), '[]');
    tar('-cf', path, '-C', folder, 'manifest.json');
    await expect(OciArchiveStore.open(path)).rejects.toMatchObject({
      hint: expect.stringContaining('docker-archive:'),
    });
  });

  it('beside Docker’s own format, as Docker 25 writes it, is a layout', async () => {
    await writeFile(join(layout, 'manifest.json'), '[]');
    expect(await readAll(pack('a.tar'))).not.toBe('');
  });

  it.each([
    ['is empty', () => writeFile(join(folder, 'a.tar'), '')],
    ['is text', () => writeFile(join(folder, 'a.tar'), 'x'.repeat(2000))],
    ['has no index.json', async () => (await rm(join(layout, 'index.json')), pack('a.tar'))],
    ['has no oci-layout', async () => (await rm(join(layout, 'oci-layout')), pack('a.tar'))],
    ['has another version', async () => (await writeFile(join(layout, 'oci-layout'), '{}'), pack('a.tar'))],
    [
      'has a hostile index',
      async () => (await writeFile(join(layout, 'index.json'), '{"manifests":7}'), pack('a.tar')),
    ],
    [
      'has an index that is a link',
      async () => {
        await rm(join(layout, 'index.json'));
        await symlink('/etc/passwd', join(layout, 'index.json'));
        pack('a.tar');
      },
    ],
    [
      'has a file twice',
      async () => {
        const path = pack('a.tar');
        tar('-rf', path, '-C', layout, './index.json');
      },
    ],
    [
      'is cut in a blob',
      async () => {
        const bytes = await readFile(pack('a.tar'));
        await writeFile(join(folder, 'a.tar'), bytes.subarray(0, 100_000));
      },
    ],
    [
      'has no end',
      async () => {
        tar('-cf', join(folder, 'a.tar'), '-C', layout, 'oci-layout', 'index.json');
        await writeFile(join(folder, 'a.tar'), (await readFile(join(folder, 'a.tar'))).subarray(0, 2048));
      },
    ],
  ])('that %s is refused', async (_what, prepare) => {
    await prepare();
    await expect(OciArchiveStore.open(join(folder, 'a.tar'))).rejects.toMatchObject({ code: 'ERR_OCI_INVALID_LAYOUT' });
  });

  it('whose blob is missing, damaged, or a link says so', async () => {
    const file = join(layout, blobFile(blob));
    await cp(file, join(folder, 'kept'));
    await rm(file);
    await expect(readAll(pack('a.tar'))).rejects.toMatchObject({ code: 'ERR_OCI_NOT_FOUND', side: 'source' });
    await symlink(join(folder, 'kept'), file);
    await expect(readAll(pack('b.tar'))).rejects.toMatchObject({ code: 'ERR_OCI_INVALID_LAYOUT' });
    await rm(file);
    await writeFile(file, Buffer.alloc(300_000, 'bad'));
    await expect(readAll(pack('c.tar'))).rejects.toMatchObject({ code: 'ERR_OCI_DIGEST_MISMATCH' });
    await rm(file);
    await cp(join(folder, 'kept'), join(layout, 'a-first-name'));
    await link(join(layout, 'a-first-name'), file);
    await expect(readAll(pack('d.tar', '--sort=name'))).rejects.toMatchObject({
      code: 'ERR_OCI_INVALID_LAYOUT',
      hint: expect.stringContaining('--hard-dereference'),
    });
  });

  it('that was changed anywhere is refused with a typed error, or gives what it should', async () => {
    const random = randomFrom(11);
    const whole = new Uint8Array(await readFile(pack('a.tar')));
    const changed = join(folder, 'changed.tar');
    const outcomes = new Set<string>();
    for (let i = 0; i < 300; i++) {
      // Both ends are headers and small files; the middle is one large blob.
      const header = random(2) === 0 ? 512 * random(16) : whole.length - 512 * (1 + random(24));
      await writeFile(changed, mutateBytes(whole, random, header, header + 512));
      const outcome = await readAll(changed).then(
        () => 'read',
        (error: unknown) => (error instanceof OciError ? error.code : String(error)),
      );
      outcomes.add(outcome);
    }
    for (const outcome of outcomes) expect(outcome).toMatch(/^(?:read|ERR_OCI_[A-Z_]+)$/);
    expect(outcomes).toContain('read');
    expect(outcomes).toContain('ERR_OCI_INVALID_LAYOUT');
  });

  it('that is not there, or is a folder, says so', async () => {
    await expect(OciArchiveStore.open(join(folder, 'none'))).rejects.toMatchObject({ code: 'ERR_OCI_NOT_FOUND' });
    await expect(OciArchiveStore.open(layout)).rejects.toMatchObject({ code: 'ERR_OCI_INVALID_LAYOUT' });
  });
});
