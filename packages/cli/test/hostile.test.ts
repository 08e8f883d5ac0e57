import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Descriptor, digestOf, Repository } from '@bpfship/oras-client';
import { runCli } from './support/cli.ts';
import { type PackedService, packService, succeed } from './support/packed-service.ts';

/** Clears the screen, sets the window's title, turns the reading direction. */
const ESCAPES = '\u001b[2J\u001b]0;owned\u0007\u009b31m\u202e';
/** What no terminal may get. */
const UNSAFE = /[^\P{Cc}\n]|[\p{Bidi_Control}\u2028\u2029]/u;

type Json = Record<string, unknown> & {
  annotations?: Record<string, string>;
  config: Descriptor;
  layers: (Descriptor & { annotations: Record<string, string> })[];
};

let service: PackedService;
beforeAll(async () => {
  service = await packService({
    registry: {
      intercept: (request, response) => {
        // What a header can carry of it: a C1 control and a tab (RFC 9110, obs-text).
        if (request.url?.includes('/warned/')) response.setHeader('warning', '299 - "old \u009b31m\tred"');
        return false;
      },
    },
  });
});
const opened: Repository[] = [];
afterAll(async () => {
  for (const repository of opened) await repository[Symbol.asyncDispose]();
  await service[Symbol.asyncDispose]();
});

/** Pushes the package with a changed manifest, BTF index or both, as somebody with bad intent would. */
async function forge(
  name: string,
  change: { manifest?: (manifest: Json) => void; index?: (index: Record<string, unknown>) => void },
): Promise<string> {
  const reference = `${service.registry.host}/forged/${name}:1`;
  await succeed(['copy', service.reference, reference, '--no-recursive', '-q']);
  const repository = new Repository({ registry: service.registry.host, repository: `forged/${name}` });
  opened.push(repository);
  const { bytes } = await repository.fetchReference('1');
  const manifest = JSON.parse(Buffer.from(bytes).toString()) as Json;
  if (change.index) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of await repository.fetch(manifest.config)) chunks.push(chunk);
    const index = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
    change.index(index);
    const forged = Buffer.from(JSON.stringify(index));
    manifest.config = { ...manifest.config, digest: digestOf(forged), size: forged.length };
    await repository.push(manifest.config, forged);
  }
  change.manifest?.(manifest);
  const body = Buffer.from(JSON.stringify(manifest));
  const descriptor = {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    digest: digestOf(body),
    size: body.length,
  };
  await repository.push(descriptor, body);
  await repository.tag(descriptor, '1');
  return reference;
}

describe('hostile packages', () => {
  it.each<[string, Parameters<typeof forge>[1]]>([
    ['description', { index: (index) => (index['description'] = ESCAPES) }],
    ['name', { index: (index) => (index['name'] = `probe${ESCAPES}`) }],
    ['extra', { index: (index) => (index[ESCAPES] = ESCAPES) }],
    [
      'annotation',
      {
        manifest: (manifest) =>
          (manifest.annotations = {
            ...manifest.annotations,
            [ESCAPES]: ESCAPES,
            'org.opencontainers.image.description': ESCAPES,
          }),
      },
    ],
    [
      'layer',
      { manifest: ({ layers }) => layers.forEach((layer) => Object.assign(layer.annotations, { [ESCAPES]: ESCAPES })) },
    ],
    ['type', { manifest: (manifest) => (manifest['artifactType'] = `application/${ESCAPES}`) }],
  ])('control characters in its %s never reach the terminal', async (name, change) => {
    const reference = await forge(name, change);
    for (const command of ['inspect', 'check', 'pull']) {
      for (const more of [[], ['-j'], ['--debug']]) {
        const target = command === 'pull' ? ['-o', service.folder.file(`out-${name}`)] : [];
        const { stdout, stderr } = await runCli([command, reference, ...target, ...more]);
        expect([command, UNSAFE.exec(stdout)?.[0], UNSAFE.exec(stderr)?.[0]]).toEqual([command, undefined, undefined]);
        expect(stdout + stderr).not.toBe('');
      }
    }
  });

  it.each(['../evil', '/tmp/evil', '.bashrc', 'a/b', 'a\\b', '-rf', ESCAPES, '', 'a\nb', '..'])(
    'a layer with the title %j is not pulled, nor any other',
    async (title) => {
      const reference = await forge('title', {
        manifest: ({ layers }) =>
          Object.assign(layers.at(-1)?.annotations ?? {}, { 'org.opencontainers.image.title': title }),
      });
      const into = service.folder.file('pull/titles');
      mkdirSync(service.folder.file('pull'), { recursive: true });
      const { status, stdout, stderr } = await runCli(['pull', reference, '-o', into]);
      expect([status, stdout]).toEqual([1, '']);
      expect(stderr).toMatch(/^Error: /);
      expect(UNSAFE.test(stderr)).toBe(false);
      expect(readdirSync(service.folder.file('pull'))).toEqual([]);
    },
  );

  it('two layers of one title are not pulled over each other', async () => {
    const reference = await forge('twice', {
      manifest: ({ layers }) =>
        layers.forEach((layer) =>
          Object.assign(layer.annotations, { 'org.opencontainers.image.title': 'same.tar.gz' }),
        ),
    });
    expect(await runCli(['pull', reference, '-o', service.folder.file('twice')])).toMatchObject({
      status: 1,
      stdout: '',
    });
    expect(existsSync(service.folder.file('twice'))).toBe(false);
  });

  it('bytes that were changed on the way leave no file', async () => {
    const into = service.folder.file('changed');
    const { status } = await runCli(['pull', service.reference, '-o', into]);
    expect(status).toBe(0);
    spawnSync('sh', [
      '-c',
      `find ${service.folder.file('registry')} -type f -size +1k | while read -r f; do printf X | dd of="$f" bs=1 seek=100 conv=notrunc status=none; done`,
    ]);
    const again = await runCli(['pull', service.reference, '-o', service.folder.file('changed-2')]);
    expect([again.status, again.stdout, existsSync(service.folder.file('changed-2'))]).toEqual([1, '', false]);
    expect(again.stderr).toMatch(/sha256/);
    // The other tests need the registry as it was.
    spawnSync('rm', ['-rf', service.folder.file('registry')]);
    mkdirSync(service.folder.file('registry'));
    await succeed(['push', service.layout, service.reference]);
  });

  it('a registry’s warning is one line of ours', async () => {
    const { stderr } = await runCli(['copy', service.reference, `${service.registry.host}/warned/probe:1`]);
    expect(stderr).toMatch(/^Warning: the registry says: old/m);
    expect(UNSAFE.test(stderr)).toBe(false);
  });
});

describe.skipIf(process.getuid?.() !== 0)('a full disk', () => {
  it('while pulling or copying: an error that says so, and nothing half stored', async () => {
    const disk = service.folder.file('disk');
    mkdirSync(disk);
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4k', 'tmpfs', disk]).status).toBe(0);
    try {
      const pulled = await runCli(['pull', service.reference, '-o', `${disk}/out`]);
      expect([pulled.status, pulled.stdout]).toEqual([1, '']);
      expect(pulled.stderr).toMatch(/no space is left on the device\n.*df -h/);
      expect(readdirSync(disk)).toEqual([]);
      const copied = await runCli(['copy', service.reference, `${disk}/layout:1`, '--to-oci-layout']);
      expect([copied.status, copied.stdout]).toEqual([1, '']);
      expect(copied.stderr).toMatch(/space|disk/i);
      expect(await runCli(['inspect', '--oci-layout', `${disk}/layout:1`])).toMatchObject({ status: 1 });
    } finally {
      spawnSync('umount', [disk]);
    }
  });
});
