import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildManifest, pushBytes, Repository } from '@bpfship/oras-client';
import { artifactBench, type ArtifactBench, TYPE } from './support/artifact-bench.ts';

let bench: ArtifactBench;
let where: string;
beforeAll(async () => {
  bench = await artifactBench();
  ({ where } = bench);
});
afterAll(() => bench[Symbol.asyncDispose]());

const at: ArtifactBench['at'] = (name) => bench.at(name);
const cli: ArtifactBench['cli'] = (...args) => bench.cli(...args);
const succeed: ArtifactBench['succeed'] = (...args) => bench.succeed(...args);
const json: ArtifactBench['json'] = (...args) => bench.json(...args);
const push: ArtifactBench['push'] = (...args) => bench.push(...args);

describe('push and pull of files', () => {
  it('give the same files back, whatever their size and place', async () => {
    const files = ['notes.md:text/markdown', 'sub/a b.txt', './big.bin:'];
    const pushed = await json(['push', at('any/files:1.0,latest'), ...files, '--artifact-type', TYPE, '-a', 'k=v']);
    expect(pushed).toEqual({
      reference: `${at('any/files')}@${String(pushed['digest'])}`,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest: expect.stringMatching(/^sha256:[a-f0-9]{64}$/) as string,
      size: expect.any(Number) as number,
      annotations: { k: 'v' },
      artifactType: TYPE,
      tag: '1.0',
      referenceAsTags: [at('any/files:1.0'), at('any/files:latest')],
    });
    const again = await json(['push', at('any/again:1'), ...files, '--artifact-type', TYPE, '-a', 'k=v']);
    expect(again['digest']).toBe(pushed['digest']);
    const pulled = await json<{ files: Record<string, unknown>[] }>(['pull', at('any/files:latest'), '-o', 'out/all']);
    expect(pulled.files.map(({ path }) => path)).toEqual([
      'out/all/notes.md',
      'out/all/sub/a b.txt',
      'out/all/big.bin',
    ]);
    expect(pulled.files[0]).toMatchObject({ mediaType: 'text/markdown', size: 8 });
    for (const name of ['notes.md', 'sub/a b.txt', 'big.bin'])
      expect(readFileSync(`${where}/out/all/${name}`).equals(readFileSync(`${where}/${name}`)), name).toBe(true);
    expect(readdirSync(`${where}/out/all`).sort()).toEqual(['big.bin', 'notes.md', 'sub']);
  });

  it('take annotations of files from a file, and a config', async () => {
    writeFileSync(`${where}/annotations.json`, JSON.stringify({ $manifest: { m: '1' }, 'notes.md': { of: 'file' } }));
    const more = ['--annotation-file', 'annotations.json', '--config', 'config.json:application/vnd.acme.config'];
    await push('any/annotated:1', ...more, '--export-manifest', 'exported.json');
    const printed = await succeed(['manifest', 'fetch', at('any/annotated:1')]);
    expect(readFileSync(`${where}/exported.json`, 'utf8')).toBe(printed);
    expect(JSON.parse(printed)).toMatchObject({
      config: { mediaType: 'application/vnd.acme.config', size: 7 },
      layers: [{ annotations: { of: 'file', 'org.opencontainers.image.title': 'notes.md' } }],
      annotations: { m: '1' },
    });
    expect(await succeed(['manifest', 'fetch-config', at('any/annotated:1')])).toBe('{"a":1}');
    const untyped = await json(['push', at('any/annotated:2'), 'notes.md', '--config', 'config.json']);
    expect(untyped['artifactType']).toBe('application/vnd.unknown.config.v1+json');
  });

  it.each<[string, string[], number, RegExp]>([
    ['a missing file', ['none.txt'], 1, /none\.txt cannot be read/],
    ['a folder', ['sub'], 1, /sub is a folder\nPack it first: tar /],
    ['a path out of the folder', ['../work/notes.md'], 1, /leads out of the folder/],
    ['an absolute path', ['/etc/hostname'], 1, /it is an absolute path/],
    ['a file twice', ['notes.md', './notes.md'], 2, /named twice/],
    ['nothing', [], 2, /nothing is named/],
    ['a bad annotation', ['notes.md', '-a', 'novalue'], 2, /is not key=value/],
    ['a bad type', ['notes.md', '--artifact-type', 'notes'], 1, /is not a media type/],
    ['annotations of something else', ['config.json', '--annotation-file', 'annotations.json'], 2, /none of the files/],
  ])('refuse %s', async (_, args, status, text) => {
    const outcome = await cli(['push', at('any/refused:1'), ...args]);
    expect(outcome).toMatchObject({ status, stdout: '' });
    expect(outcome.stderr).toMatch(text);
    expect(await cli(['resolve', at('any/refused:1')])).toMatchObject({ status: 1 });
  });

  it('--keep-old-files replaces nothing', async () => {
    await push('any/kept:1');
    mkdirSync(`${where}/kept`);
    writeFileSync(`${where}/kept/notes.md`, 'mine');
    const outcome = await cli(['pull', at('any/kept:1'), '-o', 'kept', '--keep-old-files']);
    expect(outcome).toMatchObject({ status: 1, stdout: '' });
    expect(outcome.stderr).toContain('kept/notes.md is there already');
    expect(readFileSync(`${where}/kept/notes.md`, 'utf8')).toBe('mine');
    await succeed(['pull', at('any/kept:1'), '-o', 'kept']);
    expect(readFileSync(`${where}/kept/notes.md`, 'utf8')).toBe('# Notes\n');
    expect(readdirSync(`${where}/kept`)).toEqual(['notes.md']);
  });
});

/** Pushes an artifact whose layers have these titles, as somebody with bad intent would. */
async function forge(name: string, titles: (string | undefined)[]): Promise<string> {
  await using repository = new Repository({ registry: bench.registry.host, repository: `forged/${name}` });
  const layers = [];
  for (const [i, title] of titles.entries()) {
    const blob = await pushBytes(repository, 'text/plain', Buffer.from(`evil ${i}`));
    const annotations = title === undefined ? {} : { 'org.opencontainers.image.title': title };
    layers.push({ ...blob, annotations });
  }
  await pushBytes(repository, 'application/vnd.oci.empty.v1+json', Buffer.from('{}'));
  const { descriptor, bytes } = buildManifest({ artifactType: TYPE, layers });
  await repository.pushReference(descriptor, bytes, '1');
  return at(`forged/${name}:1`);
}

describe('hostile artifacts', () => {
  it.each(['../evil', '/tmp/evil', 'a/../../evil', 'a//b', './a', 'a\\b', 'C:evil', 'con', 'a\nb', '', '..', 'x/'])(
    'the title %j is not written',
    async (title) => {
      const outcome = await cli(['pull', await forge('title', ['fine', title]), '-o', 'hostile/out']);
      expect(outcome).toMatchObject({ status: 1, stdout: '' });
      expect(outcome.stderr).toMatch(/^Error: layer sha256:.* which is no path to write to: /);
      expect(existsSync(`${where}/hostile`)).toBe(false);
    },
  );

  it.each([[['a', 'a']], [['a', 'a/b']], [['a/b', 'a']]])('titles %j do not go together', async (titles) => {
    expect(await cli(['pull', await forge('pair', titles), '-o', 'hostile'])).toMatchObject({ status: 1, stdout: '' });
    expect(existsSync(`${where}/hostile`)).toBe(false);
  });

  it('links are not followed: a file’s is replaced, a folder’s refused', async () => {
    mkdirSync(`${where}/linked`);
    mkdirSync(`${where}/outside`);
    writeFileSync(`${where}/outside/file`, 'untouched');
    symlinkSync('../outside/file', `${where}/linked/file`);
    symlinkSync('../outside', `${where}/linked/folder`);
    await succeed(['pull', await forge('file', ['file']), '-o', 'linked']);
    expect(lstatSync(`${where}/linked/file`).isSymbolicLink()).toBe(false);
    const refused = await cli(['pull', await forge('folder', ['folder/file']), '-o', 'linked']);
    expect(refused).toMatchObject({ status: 1, stdout: '' });
    expect(refused.stderr).toContain('linked/folder cannot be written: it is a symbolic link, not a folder');
    expect(readFileSync(`${where}/outside/file`, 'utf8')).toBe('untouched');
    expect(readdirSync(`${where}/outside`)).toEqual(['file']);
  });

  it('layers without a title are skipped, and that is said', async () => {
    const outcome = await cli(['pull', await forge('untitled', [undefined]), '-o', 'untitled']);
    expect(outcome).toMatchObject({ status: 0 });
    expect(outcome.stderr).toMatch(/^Skipped sha256:.*\nWarning: nothing was pulled/);
  });
});
