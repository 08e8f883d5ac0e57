import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { createRegistry, type Registry } from '@bpfship/registry-dev';
import { startDockerRegistry, type RunningRegistry } from '../../packages/oras-client/test/docker-registry.ts';
import { fetchPeer } from '../../tools/machine/peers.ts';
import { itNeeds } from '../support/capabilities.ts';
import { bpfship, buildSignedExamples, type SignedExamples } from '../support/packages.ts';

let examples: SignedExamples;
let dev: Registry;
let docker: RunningRegistry;
let oras: string;
let cosign: string;

const itWithPeers = itNeeds('debian-archive', 'docker-registry');

beforeAll(async () => {
  examples = buildSignedExamples();
  dev = await createRegistry({ root: join(examples.folder, 'registry') });
  docker = await startDockerRegistry();
  oras = fetchPeer('oras');
  cosign = fetchPeer('cosign');
  for (const host of [dev.host, docker.host]) {
    await run(['push', `${examples.layout('exec-watch')}:1.0.0`, `${host}/interop/exec-watch:1.0.0`]);
  }
}, 300_000);

afterAll(async () => {
  await dev?.close();
  await docker?.close();
  examples?.remove();
});

/** The registry answers from this process, so the command must not block it. */
async function run(args: string[]): Promise<string> {
  const { spawn } = await import('node:child_process');
  const { BPFSHIP } = await import('../support/packages.ts');
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [BPFSHIP, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, BPFSHIP_PASSWORD: 'test' },
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.on('close', (status) => (status === 0 ? resolve(output) : reject(new Error(output))));
  });
}

describe('oras', () => {
  itWithPeers('pulls the layers of a package as files, from docker-registry', () => {
    const folder = join(examples.folder, 'pulled');
    mkdirSync(folder);
    execFileSync(oras, ['pull', '--plain-http', `${docker.host}/interop/exec-watch:1.0.0`, '--output', folder], {
      stdio: 'pipe',
    });
    expect(readdirSync(folder).sort()).toEqual(
      ['docs', 'loop', 'perf', 'ringbuf'].map((name) => `exec-watch-1.0.0-${name}.tar.gz`),
    );
  });

  itWithPeers('shows the package’s types and its signature', () => {
    const reference = `${docker.host}/interop/exec-watch:1.0.0`;
    const manifest = JSON.parse(
      execFileSync(oras, ['manifest', 'fetch', '--plain-http', reference], { encoding: 'utf8' }),
    ) as { artifactType: string };
    expect(manifest.artifactType).toBe('application/vnd.ebpf.service.v1');
    const discovered = execFileSync(oras, ['discover', '--plain-http', '--format', 'json', reference], {
      encoding: 'utf8',
    });
    expect(discovered).toContain('application/vnd.dev.sigstore.bundle.v0.3+json');
  });

  itWithPeers('copies a package with its signature; the copy verifies with us', async () => {
    const target = `${docker.host}/interop/by-oras:1.0.0`;
    execFileSync(
      oras,
      ['cp', '-r', '--from-plain-http', '--to-plain-http', `${docker.host}/interop/exec-watch:1.0.0`, target],
      { stdio: 'pipe' },
    );
    expect(await run(['verify', '--key', examples.key.public, target])).toContain('Verified');
  });

  itWithPeers('reads the OCI layout that we write: same digest', () => {
    const layout = `${examples.layout('exec-watch')}:1.0.0`;
    const manifest = execFileSync(oras, ['manifest', 'fetch', '--oci-layout', layout]);
    const digest = `sha256:${createHash('sha256').update(manifest).digest('hex')}`;
    expect(JSON.parse(bpfship(['inspect', '--oci-layout', layout, '--format', 'json']))).toMatchObject({ digest });
  });
});

/** Debian's cosign on the pushed package. */
function cosignVerify(key: string): { status: number | null; stderr: string } {
  const reference = `${docker.host}/interop/exec-watch:1.0.0`;
  const args = ['verify', '--key', key, '--insecure-ignore-tlog', '--allow-http-registry', reference];
  return spawnSync(cosign, args, { encoding: 'utf8', env: { ...process.env, HOME: examples.folder } });
}

describe('cosign', () => {
  itWithPeers('accepts our signature, on docker-registry', () => {
    const { status, stderr } = cosignVerify(examples.key.public);
    expect(status, stderr).toBe(0);
  });

  itWithPeers('refuses it by another key', () => {
    bpfship(['generate-key-pair', '--output-key-prefix', join(examples.folder, 'other')]);
    expect(cosignVerify(join(examples.folder, 'other.pub')).status).not.toBe(0);
  });
});

describe('copies between registries', () => {
  itWithPeers('keep digest and signature', async () => {
    const target = `${dev.host}/promoted/exec-watch:1.0.0`;
    const output = await run(['copy', `${docker.host}/interop/exec-watch:1.0.0`, target]);
    const index = JSON.parse(readFileSync(join(examples.layout('exec-watch'), 'index.json'), 'utf8')) as {
      manifests: { digest: string }[];
    };
    const digest = /Digest: (\S+)/.exec(output)?.[1];
    expect(index.manifests.map((manifest) => manifest.digest)).toContain(digest);
    expect(await run(['verify', '--key', examples.key.public, target])).toContain(digest);
  });
});
