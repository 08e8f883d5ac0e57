import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRegistry } from '@bpfship/registry-dev';
import { startDockerRegistry } from '../../packages/oras-client/test/docker-registry.ts';
import { buildDistribution, fetchPeer } from '../../tools/machine/peers.ts';
import { lacks } from '../support/capabilities.ts';
import { BPFSHIP, buildSignedExamples, type SignedExamples } from '../support/packages.ts';

// Every server with every client, both ways: what we push they fetch, what they push we fetch, and the digests are the same.

interface Server {
  host: string;
  close(): Promise<void>;
}

/** What another client is told to do. */
interface Client {
  program: () => string;
  /** From a registry into an OCI layout folder. */
  fetch: (reference: string, layout: string) => string[];
  /** From that folder to a registry. */
  push: (layout: string, reference: string) => string[];
}

const SERVERS: Record<string, () => Promise<Server>> = {
  'registry-dev': () => createRegistry({ root: join(examples.folder, 'registry') }),
  'docker-registry 2.8': () => startDockerRegistry(),
  'distribution 3': () => startDockerRegistry('{}', buildDistribution()),
};

const CLIENTS: Record<string, Client> = {
  oras: {
    program: () => fetchPeer('oras'),
    fetch: (reference, layout) => ['cp', '--from-plain-http', reference, '--to-oci-layout', `${layout}:1.0.0`],
    push: (layout, reference) => ['cp', '--from-oci-layout', `${layout}:1.0.0`, '--to-plain-http', reference],
  },
  crane: {
    program: () => fetchPeer('crane'),
    fetch: (reference, layout) => ['pull', '--insecure', '--format=oci', reference, layout],
    push: (layout, reference) => ['push', '--insecure', layout, reference],
  },
  skopeo: {
    program: () => 'skopeo',
    fetch: (reference, layout) => [
      'copy',
      '--preserve-digests',
      '--src-tls-verify=false',
      `docker://${reference}`,
      `oci:${layout}:1.0.0`,
    ],
    push: (layout, reference) => [
      'copy',
      '--preserve-digests',
      '--dest-tls-verify=false',
      `oci:${layout}:1.0.0`,
      `docker://${reference}`,
    ],
  },
};

let examples: SignedExamples;
/** Digest of the package. */
let digest: string;

/** Servers run in this process, so that commands must not block it. */
async function bpfship(...args: string[]): Promise<string> {
  const child = spawn(process.execPath, [BPFSHIP, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, BPFSHIP_PASSWORD: 'test' },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const status = await new Promise((resolve) => child.on('close', resolve));
  expect(status, output).toBe(0);
  return output;
}

async function run(program: string, args: string[], env: Record<string, string> = {}): Promise<void> {
  await promisify(execFile)(program, args, { env: { ...process.env, ...env }, timeout: 60_000 });
}

/** The manifest in a layout by its digest, whose bytes are looked at. */
function holds(layout: string, wanted: string): boolean {
  const bytes = readFileSync(join(layout, 'blobs', 'sha256', wanted.slice('sha256:'.length)));
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}` === wanted;
}

describe.skipIf(lacks('debian-archive', 'docker-registry', 'skopeo', 'distribution'))('interoperation', () => {
  beforeAll(() => {
    examples = buildSignedExamples(['exec-watch'], ['1.0.0']);
    const index = JSON.parse(readFileSync(join(examples.layout('exec-watch'), 'index.json'), 'utf8')) as {
      manifests: { digest: string; annotations?: Record<string, string> }[];
    };
    digest = index.manifests.find((one) => one.annotations?.['org.opencontainers.image.ref.name'])?.digest ?? '';
    buildDistribution();
  }, 600_000);
  afterAll(() => examples?.remove());

  describe.each(Object.entries(SERVERS))('with %s', (name, start) => {
    let server: Server;
    let reference: string;
    beforeAll(async () => {
      server = await start();
      reference = `${server.host}/interop/exec-watch:1.0.0`;
      await bpfship('push', `${examples.layout('exec-watch')}:1.0.0`, reference);
    });
    afterAll(() => server?.close());

    it.each(Object.entries(CLIENTS))('%s fetches what we push, and we fetch what it pushes', async (client, peer) => {
      const layout = join(examples.folder, `${name}-${client}`.replaceAll(' ', '-'));
      await run(peer.program(), peer.fetch(reference, layout));
      expect(holds(layout, digest)).toBe(true);
      const pushed = `${server.host}/by-${client}/exec-watch:1.0.0`;
      await run(peer.program(), peer.push(layout, pushed));
      expect(await bpfship('copy', pushed, '--to-oci-layout', `${layout}-ours:1.0.0`)).toContain(digest);
      expect(holds(`${layout}-ours`, digest)).toBe(true);
    });

    it('cosign verifies our signature, and we verify what oras copied with it', async () => {
      const { public: key } = examples.key;
      const flags = ['--insecure-ignore-tlog', '--allow-http-registry'];
      await run(fetchPeer('cosign'), ['verify', '--key', key, ...flags, reference], { HOME: examples.folder });
      const copied = `${server.host}/copied/exec-watch:1.0.0`;
      await run(fetchPeer('oras'), ['cp', '-r', '--from-plain-http', '--to-plain-http', reference, copied]);
      expect(await bpfship('verify', '--key', key, copied)).toContain(digest);
    });
  });
});
