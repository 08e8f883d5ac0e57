import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { OciArchiveStore, OciLayoutStore } from '@bpfship/oras-client';
import { type BehaviourName, createRegistry } from '@bpfship/registry-dev';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningRegistry, startDockerRegistry } from '../../packages/oras-client/test/docker-registry.ts';
import { fetchPeer } from '../../tools/machine/peers.ts';
import { lacks } from '../support/capabilities.ts';
import { bpfship, BPFSHIP, buildSignedExamples, type SignedExamples } from '../support/packages.ts';

// A package in the compatible form is a container image for the tools of container images, and a package for us.

const execute = promisify(execFile);
let examples: SignedExamples;
let layout: string;
let digest: string;
let docker: RunningRegistry;

/** Servers run in this process, so that commands must not block it. */
const run = async (program: string, ...args: string[]): Promise<string> =>
  (await execute(program, args, { env: { ...process.env, BPFSHIP_PASSWORD: 'test' } })).stdout;
const ours = (...args: string[]): Promise<string> => run(process.execPath, BPFSHIP, ...args);

describe.skipIf(lacks('debian-archive', 'docker-registry', 'skopeo'))('the compatible form', () => {
  beforeAll(async () => {
    examples = buildSignedExamples(['exec-watch'], ['1.0.0']);
    layout = join(examples.folder, 'compatible');
    const project = join(import.meta.dirname, '../../examples/exec-watch/1.0.0');
    const objects = join(examples.folder, 'objects/exec-watch-1.0.0');
    bpfship(['pack', '--compat', project, '--objects', objects, '--output', layout]);
    bpfship(['sign', '--key', examples.key.private, '--oci-layout', `${layout}:1.0.0`]);
    digest = (await (await OciLayoutStore.open(layout)).resolve('1.0.0')).digest;
    docker = await startDockerRegistry();
    await ours('push', `${layout}:1.0.0`, `${docker.host}/images/exec-watch:1.0.0`);
  }, 120_000);

  afterAll(async () => {
    await docker?.close();
    examples?.remove();
  });

  it('is a valid image for crane, and for skopeo, which unpacks every layer into an archive for Docker', async () => {
    const reference = `${docker.host}/images/exec-watch:1.0.0`;
    // Without --fast crane takes every layer for gzip.
    await run(fetchPeer('crane'), 'validate', '--fast', '--insecure', '--remote', reference);
    const archive = join(examples.folder, 'docker.tar');
    await run('skopeo', 'copy', '--src-tls-verify=false', `docker://${reference}`, `docker-archive:${archive}:a/b:1`);
    await expect(OciArchiveStore.open(archive)).rejects.toMatchObject({ hint: /docker-archive:/ });
    const [first] = JSON.parse(await run('tar', '-xOf', archive, 'manifest.json')) as { Layers: string[] }[];
    expect(first?.Layers).toHaveLength(5);
    expect((await run(fetchPeer('crane'), 'digest', '--insecure', reference)).trim()).toBe(digest);
  });

  it('travels through an archive of skopeo with its digest, and is verified and read inside it', async () => {
    const archive = join(examples.folder, 'skopeo.tar');
    const [from, to] = [`docker://${docker.host}/images/exec-watch:1.0.0`, `oci-archive:${archive}:1.0.0`];
    await run('skopeo', 'copy', '--preserve-digests', '--src-tls-verify=false', from, to);
    await using store = await OciArchiveStore.open(archive);
    expect((await store.resolve('1.0.0')).digest).toBe(digest);
    expect(await ours('inspect', '-q', '--oci-layout', `${archive}:1.0.0`)).toContain(digest);
    const back = `${docker.host}/images/back:1.0.0`;
    await ours('copy', '--from-oci-layout', `${archive}:1.0.0`, back);
    expect(
      (await run('skopeo', 'inspect', '--tls-verify=false', '--format={{.Digest}}', `docker://${back}`)).trim(),
    ).toBe(digest);
  });

  it('comes with its signature out of an archive of the layout, which tar made', async () => {
    const archive = join(examples.folder, 'layout.tar');
    await run('tar', '-cf', archive, '-C', layout, '.');
    await ours('verify', '--key', examples.key.public, '--oci-layout', `${archive}:1.0.0`);
    const carried = `${docker.host}/images/carried:1.0.0`;
    await ours('copy', '--from-oci-layout', `${archive}:1.0.0`, carried);
    await ours('verify', '--key', examples.key.public, carried);
  });

  it('gives oras the layers as files', async () => {
    const folder = join(examples.folder, 'oras');
    mkdirSync(folder);
    await run(fetchPeer('oras'), 'pull', '--plain-http', `${docker.host}/images/exec-watch:1.0.0`, '--output', folder);
    expect(readdirSync(folder).sort()).toEqual([
      'exec-watch-1.0.0-btf-index.tar',
      'exec-watch-1.0.0-docs.tar.gz',
      'exec-watch-1.0.0-loop.tar.gz',
      'exec-watch-1.0.0-perf.tar.gz',
      'exec-watch-1.0.0-ringbuf.tar.gz',
    ]);
  });

  it.each<BehaviourName>(['gitlab', 'ecr', 'quay', 'ghcr'])(
    'is kept, with its signature, by a registry like %s',
    async (behaviour) => {
      await using registry = await createRegistry({ root: join(examples.folder, behaviour), behaviour });
      const reference = `${registry.host}/images/exec-watch:1.0.0`;
      await ours('push', `${layout}:1.0.0`, reference);
      await ours('verify', '--key', examples.key.public, reference);
      const standard = ours(
        'push',
        `${examples.layout('exec-watch')}:1.0.0`,
        `${registry.host}/standard/exec-watch:1.0.0`,
      );
      if (behaviour === 'gitlab') await expect(standard).rejects.toThrow(/MANIFEST_INVALID[^]*bpfship pack --compat/);
      else await standard;
    },
  );
});
