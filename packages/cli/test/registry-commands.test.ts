import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { digestOf } from '@bpfship/oras-client';
import { createRegistry } from '@bpfship/registry-dev';
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

describe('tag, resolve, copy', () => {
  it('give and read tags', async () => {
    const { digest } = await push('any/tagged:1');
    expect(await json(['tag', at('any/tagged:1'), 'x', 'y'])).toMatchObject({
      digest,
      referenceAsTags: [at('any/tagged:x'), at('any/tagged:y')],
    });
    expect(await succeed(['resolve', at('any/tagged:y')])).toBe(`${digest}\n`);
    expect(await succeed(['resolve', '-l', at('any/tagged:x')])).toBe(`${at('any/tagged')}@${digest}\n`);
    expect(await cli(['tag', at('any/tagged:1'), 'no/tag'])).toMatchObject({ status: 2, stdout: '' });
    expect(await cli(['resolve', at('any/tagged:none')])).toMatchObject({ status: 1, stdout: '' });
    expect(await cli(['resolve', at('any/tagged')])).toMatchObject({ status: 2, stdout: '' });
    const copied = await json(['copy', '-r', at('any/tagged:1'), at('any/copied:a,b')]);
    expect(copied['digest']).toBe(digest);
    expect(await succeed(['repo', 'tags', at('any/copied')])).toBe('a\nb\n');
  });

  it('choose by platform', async () => {
    const manifests = [];
    for (const architecture of ['amd64', 'arm64']) {
      const { digest, mediaType, size } = await json([
        'push',
        at('any/index'),
        'notes.md',
        '-a',
        `for=${architecture}`,
      ]);
      manifests.push({ mediaType, digest, size, platform: { os: 'linux', architecture } });
    }
    const mediaType = 'application/vnd.oci.image.index.v1+json';
    const index = JSON.stringify({ schemaVersion: 2, mediaType, manifests });
    const pushed = await json(['manifest', 'push', at('any/index:1'), '-'], index);
    expect(pushed).toMatchObject({ digest: digestOf(Buffer.from(index)), mediaType });
    const [, arm] = manifests;
    for (const command of [['resolve'], ['manifest', 'fetch', '--descriptor'], ['discover']])
      expect(await json([...command, at('any/index:1'), '--platform', 'linux/arm64'])).toMatchObject({
        digest: arm?.digest,
      });
    await json(['copy', at('any/index:1'), at('any/arm:1'), '--platform', 'linux/arm64']);
    expect(await succeed(['resolve', at('any/arm:1')])).toBe(`${String(arm?.digest)}\n`);
    const missing = await cli(['pull', at('any/index:1'), '--platform', 'linux/riscv64']);
    expect(missing).toMatchObject({ status: 1, stdout: '' });
    expect(missing.stderr).toContain('It has: linux/amd64, linux/arm64');
    await succeed(['pull', at('any/index:1'), '-o', 'from-index']);
    expect(readdirSync(`${where}/from-index`)).toEqual(['notes.md']);
  });

  it('--from-… and --to-… are for one side each', async () => {
    const secret = 'for-one-side-only';
    const guarded = await createRegistry({ root: bench.folder.file('guarded'), users: { acme: secret } });
    try {
      const { digest } = await push('any/promoted:1');
      const to = `${guarded.host}/acme/promoted:1`;
      expect(await cli(['copy', at('any/promoted:1'), to])).toMatchObject({ status: 4, stdout: '' });
      await succeed(['copy', at('any/promoted:1'), to, '--to-username', 'acme', '--to-password-stdin'], secret);
      const back = await json(
        ['copy', to, at('any/back:1'), '--from-username', 'acme', '--from-password-stdin'],
        secret,
      );
      expect(back['digest']).toBe(digest);
      const both = ['copy', to, to, '--from-password-stdin', '--to-password-stdin'];
      expect(await cli(both, secret)).toMatchObject({ status: 2, stdout: '' });
    } finally {
      await guarded.close();
    }
  });
});

describe('attach and discover', () => {
  it('build a tree and show it', async () => {
    const { digest } = await push('any/subject:1');
    const subject = at('any/subject:1');
    const sbom = await json(['attach', subject, 'notes.md', '--artifact-type', 'application/vnd.sbom', '-a', 'n=1']);
    expect(sbom).toMatchObject({ artifactType: 'application/vnd.sbom', annotations: { n: '1' }, subject: digest });
    const review = await json(['attach', String(sbom['reference']), '-a', 'by=me', '--artifact-type', 'application/r']);
    const tree = await json(['discover', subject]);
    expect(tree).toEqual({
      reference: `${at('any/subject')}@${digest}`,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest,
      size: expect.any(Number) as number,
      referrers: [
        {
          reference: sbom['reference'],
          mediaType: sbom['mediaType'],
          digest: sbom['digest'],
          size: sbom['size'],
          annotations: { n: '1' },
          artifactType: 'application/vnd.sbom',
          referrers: [expect.objectContaining({ digest: review['digest'], referrers: [] })],
        },
      ],
    });
    const shown = [
      `${at('any/subject')}@${digest}`,
      '└── application/vnd.sbom',
      `    └── ${String(sbom['digest'])}`,
      '        ├── [annotations]',
      '        │   └── n: "1"',
      '        └── application/r',
      `            └── ${String(review['digest'])}`,
      '                └── [annotations]',
      '                    └── by: "me"',
    ];
    expect(await succeed(['discover', subject])).toBe(`${shown.join('\n')}\n`);
    expect(await succeed(['discover', subject, '--format', 'tree'])).toBe(`${shown.join('\n')}\n`);
    expect(await succeed(['discover', subject, '--depth', '1', '--format', 'table'])).toMatch(
      /^Artifact Type +Digest\napplication\/vnd\.sbom +sha256:[a-f0-9]{64}\n$/,
    );
    expect((await json(['discover', subject, '--artifact-type', 'application/other']))['referrers']).toEqual([]);
    expect(await cli(['discover', subject, '--format', 'yaml'])).toMatchObject({ status: 2, stdout: '' });
    await succeed(['pull', String(review['reference']), '-o', 'with-subject', '--include-subject']);
    expect(readdirSync(`${where}/with-subject`)).toEqual(['notes.md']);
  });

  it.each<[string, string[], RegExp]>([
    ['without a type', ['notes.md'], /nothing says what is attached/],
    ['without files', ['--artifact-type', TYPE], /neither files nor annotations/],
    ['with an interface', ['notes.md', '--artifact-type', TYPE, '-i', 'lo'], /--interface is for services/],
  ])('refuse %s', async (_, args, text) => {
    const outcome = await cli(['attach', at('any/subject:1'), ...args]);
    expect(outcome).toMatchObject({ status: 2, stdout: '' });
    expect(outcome.stderr).toMatch(text);
  });
});

describe('manifests and blobs', () => {
  it('are fetched and pushed byte for byte', async () => {
    const { digest } = await push('any/bytes:1');
    const reference = at('any/bytes:1');
    const bytes = await succeed(['manifest', 'fetch', reference]);
    expect(digestOf(Buffer.from(bytes))).toBe(digest);
    expect(await json(['manifest', 'fetch', reference])).toMatchObject({
      digest,
      content: JSON.parse(bytes) as object,
    });
    const plain = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest, size: bytes.length };
    expect(JSON.parse(await succeed(['manifest', 'fetch', '--descriptor', reference]))).toEqual(plain);
    await succeed(['manifest', 'fetch', reference, '-o', 'manifest.json']);
    expect(readFileSync(`${where}/manifest.json`, 'utf8')).toBe(bytes);
    const pushed = await succeed(['manifest', 'push', at('any/bytes:2,3'), 'manifest.json', '--descriptor']);
    expect(JSON.parse(pushed)).toEqual(plain);
    const tags = await json(['repo', 'tags', at('any/bytes'), '--exclude-digest-tags']);
    expect(tags).toEqual({ tags: ['1', '2', '3'] });
    expect((await json(['repo', 'tags', at('any/bytes'), '--last', '1']))['tags']).toEqual(['2', '3']);
  });

  it('blobs: into files and streams, of the right digest only', async () => {
    const file = readFileSync(`${where}/big.bin`);
    const digest = `sha256:${createHash('sha256').update(file).digest('hex')}`;
    expect(await json(['blob', 'push', at('any/blobs'), 'big.bin'])).toMatchObject({ digest, size: 700_000 });
    const blob = `${at('any/blobs')}@${digest}`;
    await succeed(['blob', 'fetch', blob, '-o', 'fetched.bin']);
    expect(readFileSync(`${where}/fetched.bin`).equals(file)).toBe(true);
    expect((await succeed(['blob', 'fetch', blob, '-o', '-'])).length).toBe(700_000);
    expect(JSON.parse(await succeed(['blob', 'fetch', blob, '--descriptor']))).toEqual({
      mediaType: 'application/octet-stream',
      digest,
      size: 700_000,
    });
    expect(await json(['blob', 'push', at('any/blobs'), '-', '--size', '3'], 'abc')).toMatchObject({ size: 3 });
    for (const wrong of [
      ['blob', 'push', at('any/blobs'), 'notes.md', '--size', '3'],
      ['blob', 'push', blob, 'notes.md'],
    ])
      expect(await cli(wrong)).toMatchObject({ status: 1, stdout: '' });
    expect(await cli(['blob', 'fetch', blob])).toMatchObject({ status: 2, stdout: '' });
    expect(await cli(['blob', 'fetch', at('any/blobs:1'), '--descriptor'])).toMatchObject({ status: 2, stdout: '' });
    expect(readdirSync(where).filter((name) => name.includes('partial'))).toEqual([]);
  });

  it('are bounded: a manifest of more than 4 MiB is not taken', async () => {
    writeFileSync(`${where}/huge.json`, Buffer.alloc(4 * 1024 * 1024 + 1, 0x20));
    for (const file of ['huge.json', '-']) {
      const input = file === '-' ? readFileSync(`${where}/huge.json`, 'utf8') : '';
      expect(await cli(['manifest', 'push', at('any/huge:1'), file], input)).toMatchObject({ status: 1, stdout: '' });
    }
    for (const text of ['not json', '{}', '{"mediaType":"text/plain"}', '{"mediaType":7}']) {
      const outcome = await cli(['manifest', 'push', at('any/huge:1'), '-'], text);
      expect([text, outcome.stdout, outcome.status === 0]).toEqual([text, '', false]);
    }
  });

  it('are deleted only with --force where nobody can be asked', async () => {
    const { digest } = await push('any/deleted:1');
    const blob = `${at('any/deleted')}@sha256:${createHash('sha256').update('# Notes\n').digest('hex')}`;
    for (const args of [
      ['manifest', 'delete', at('any/deleted:1')],
      ['blob', 'delete', blob],
    ]) {
      const asked = await cli(args);
      expect(asked).toMatchObject({ status: 2, stdout: '' });
      expect(asked.stderr).toContain('--force');
      expect(await succeed([...args, '--force'])).toMatch(/^Deleted /);
      expect(await cli(args)).toMatchObject({ status: 1, stdout: '' });
      expect(await cli([...args, '--force'])).toMatchObject({ status: 0, stdout: '', stderr: `Missing ${args[2]}\n` });
    }
    expect(await cli(['resolve', `${at('any/deleted')}@${digest}`])).toMatchObject({ status: 1 });
  });

  it('repositories are listed, below a namespace too', async () => {
    const { repositories } = await json<{ repositories: string[] }>(['repo', 'ls', bench.registry.host]);
    expect(repositories).toContain('any/blobs');
    const below = await succeed(['repo', 'ls', at('any')]);
    expect(below.split('\n')).toContain('blobs');
    expect(await cli(['repo', 'ls', at('nobody')])).toMatchObject({
      status: 0,
      stdout: '',
      stderr: 'There is none.\n',
    });
  });
});

describe('OCI layout folders', () => {
  it('are pushed to, read and tagged as registries are', async () => {
    const layout = 'layout:1';
    const { digest } = await json<{ digest: string }>(['push', '--oci-layout', layout, 'notes.md', 'big.bin']);
    await succeed(['attach', '--oci-layout', layout, 'config.json', '--artifact-type', TYPE]);
    await succeed(['tag', '--oci-layout', layout, '2']);
    expect(await succeed(['resolve', '--oci-layout', 'layout:2'])).toBe(`${digest}\n`);
    expect(await json(['repo', 'tags', '--oci-layout', 'layout'])).toEqual({ tags: ['1', '2'] });
    expect((await json<{ referrers: unknown[] }>(['discover', '--oci-layout', layout])).referrers).toHaveLength(1);
    await succeed(['pull', '--oci-layout', layout, '-o', 'from-layout']);
    expect(readdirSync(`${where}/from-layout`).sort()).toEqual(['big.bin', 'notes.md']);
    const blob = `layout@sha256:${createHash('sha256').update('# Notes\n').digest('hex')}`;
    expect(await succeed(['blob', 'fetch', '--oci-layout', blob, '-o', '-'])).toBe('# Notes\n');
    const copied = await json(['copy', '--from-oci-layout', layout, at('any/from-layout:1')]);
    expect(copied['digest']).toBe(digest);
    expect((await json<{ referrers: unknown[] }>(['discover', at('any/from-layout:1')])).referrers).toHaveLength(1);
  });
});
