import { execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { createRegistry, type Registry } from '@bpfship/registry-dev';
import { startDockerRegistry, type RunningRegistry } from '../../packages/oras-client/test/docker-registry.ts';
import { fetchPeer } from '../../tools/machine/peers.ts';
import { itNeeds } from '../support/capabilities.ts';
import { BPFSHIP } from '../support/packages.ts';

// Our commands beside those of oras, on the same artifacts: what one pushes the other pulls, and what both print in JSON has the same fields.

const itWithPeers = itNeeds('debian-archive', 'docker-registry');
const TYPE = 'application/vnd.acme.notes';

let folder: string;
let docker: RunningRegistry;
let dev: Registry;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'oras-commands-'));
  mkdirSync(join(folder, 'sub'));
  writeFileSync(join(folder, 'notes.md'), '# Notes\n');
  writeFileSync(join(folder, 'sub/big.bin'), Buffer.alloc(600_000, 9));
  dev = await createRegistry({ root: join(folder, 'registry') });
  docker = await startDockerRegistry();
}, 120_000);
afterAll(async () => {
  await dev?.close();
  await docker?.close();
  rmSync(folder, { recursive: true, force: true });
});

const execute = promisify(execFile);

async function ours(...args: string[]): Promise<string> {
  return (await execute(process.execPath, [BPFSHIP, ...args], { cwd: folder })).stdout;
}

async function oras(...args: string[]): Promise<string> {
  const plain = ['cp', 'login', 'logout', 'version'].includes(args[0] ?? '') ? [] : ['--plain-http'];
  return (await execute(fetchPeer('oras'), [...args, ...plain], { cwd: folder })).stdout;
}

/** Fields of an object, and of those in it. */
function shape(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shape);
  if (typeof value !== 'object' || value === null) return typeof value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, key === 'annotations' ? {} : shape(inner)]),
  );
}

const files = ['notes.md:text/markdown', 'sub/big.bin', '--artifact-type', TYPE, '-a', 'k=v'];

function describeServer(name: string, host: () => string): void {
  describe(name, () => {
    itWithPeers('files: what oras pushes we pull, what we push oras pulls', async () => {
      const reference = `${host()}/files/theirs:1`;
      await oras('push', reference, ...files);
      await ours('pull', reference, '-o', `${name}-ours`);
      const own = `${host()}/files/ours:1,latest`;
      await ours('push', own, ...files);
      await oras('pull', `${host()}/files/ours:latest`, '-o', `${name}-theirs`);
      for (const pulled of ['ours', 'theirs']) {
        const into = join(folder, `${name}-${pulled}`);
        expect(readdirSync(into).sort()).toEqual(['notes.md', 'sub']);
        for (const file of ['notes.md', 'sub/big.bin'])
          expect(readFileSync(join(into, file)).equals(readFileSync(join(folder, file))), file).toBe(true);
      }
    });

    itWithPeers('attach and discover see the same tree', async () => {
      const reference = `${host()}/files/tree:1`;
      await ours('push', reference, ...files);
      await ours('attach', reference, 'notes.md', '--artifact-type', 'application/vnd.ours');
      await oras('attach', reference, 'notes.md', '--artifact-type', 'application/vnd.theirs');
      const theirs = JSON.parse(await oras('discover', reference, '--format', 'json')) as { referrers: unknown[] };
      expect(theirs.referrers).toHaveLength(2);
      expect(JSON.parse(await ours('discover', reference, '--format', 'json'))).toEqual(theirs);
    });

    itWithPeers('resolve, tag, repo and manifest answer alike', async () => {
      const reference = `${host()}/files/alike:1`;
      await ours('push', reference, ...files);
      for (const line of [
        ['resolve', reference],
        ['resolve', '-l', reference],
        ['manifest', 'fetch', reference],
        ['tag', reference, 'other'],
        ['repo', 'tags', reference.replace(':1', '')],
        ['repo', 'ls', `${host()}/files`],
        ['repo', 'ls', host()],
      ])
        expect((await ours(...line)).trim(), line.join(' ')).toBe(
          (await oras(...line)).replace(/^Tagging .*\n/, '').trim(),
        );
      for (const line of [
        ['manifest', 'fetch', reference, '--format', 'json'],
        ['manifest', 'fetch', reference, '--descriptor'],
        ['repo', 'tags', reference.replace(':1', ''), '--format', 'json'],
        ['repo', 'ls', `${host()}/files`, '--format', 'json'],
      ])
        expect(JSON.parse(await ours(...line)), line.join(' ')).toEqual(JSON.parse(await oras(...line)));
    });

    itWithPeers('blobs and manifests: pushed by one, fetched and deleted by the other', async () => {
      const repository = `${host()}/files/blobs`;
      const pushed = JSON.parse(await ours('blob', 'push', repository, 'notes.md', '--descriptor')) as {
        digest: string;
      };
      expect(JSON.parse(await oras('blob', 'push', repository, 'notes.md', '--descriptor'))).toEqual(pushed);
      const blob = `${repository}@${pushed.digest}`;
      expect(await oras('blob', 'fetch', blob, '-o', '-')).toBe('# Notes\n');
      expect(await ours('blob', 'fetch', blob, '-o', '-')).toBe('# Notes\n');
      expect(JSON.parse(await ours('blob', 'fetch', blob, '--descriptor'))).toEqual(
        JSON.parse(await oras('blob', 'fetch', blob, '--descriptor')),
      );
      await oras('blob', 'delete', '--force', blob);
      await expect(ours('blob', 'fetch', blob, '--descriptor')).rejects.toThrow(/has no blob/);
      await oras('push', `${repository}:1`, 'notes.md');
      await ours('manifest', 'fetch', `${repository}:1`, '-o', `${name}.json`);
      await ours('manifest', 'push', `${repository}:2,3`, `${name}.json`);
      expect(await oras('resolve', `${repository}:3`)).toBe(await ours('resolve', `${repository}:1`));
      await ours('manifest', 'delete', '--force', `${repository}:2`);
      await expect(oras('resolve', `${repository}:1`)).rejects.toThrow(/not found/);
    });
  });
}

describeServer('docker-registry', () => docker.host);
describeServer('registry-dev', () => dev.host);

describe('the fields of JSON', () => {
  itWithPeers('are those of oras, and some more', async () => {
    const reference = `${docker.host}/files/json:1`;
    for (const line of [
      ['push', reference, ...files],
      ['attach', reference, 'notes.md', '--artifact-type', 'application/vnd.note', '-a', 'k=v'],
      ['pull', reference, '-o', 'json-out'],
    ]) {
      const theirs = shape(JSON.parse(await oras(...line, '--format', 'json')));
      expect(shape(JSON.parse(await ours(...line, '--format', 'json'))), line[0]).toMatchObject(theirs as object);
    }
  });
});

describe('a folder that oras packed', () => {
  itWithPeers('is pulled packed', async () => {
    const reference = `${docker.host}/files/folder:1`;
    await oras('push', reference, 'sub', 'notes.md');
    await ours('pull', reference, '-o', 'packed');
    expect(readdirSync(join(folder, 'packed')).sort()).toEqual(['notes.md', 'sub.tar.gz']);
    await execute('tar', ['-xzf', 'sub.tar.gz'], { cwd: join(folder, 'packed') });
    const [theirs, own] = ['packed/sub/big.bin', 'sub/big.bin'].map((name) => readFileSync(join(folder, name)));
    expect(theirs?.equals(own ?? Buffer.alloc(0))).toBe(true);
  });
});

describe('a manifest from a pipe', () => {
  itWithPeers('is taken as oras gives it', async () => {
    const reference = `${docker.host}/files/pipe:1`;
    await ours('push', reference, ...files);
    const bytes = await oras('manifest', 'fetch', reference);
    const child = spawn(process.execPath, [BPFSHIP, 'manifest', 'push', `${docker.host}/files/pipe:2`, '-']);
    child.stdin.end(bytes);
    const status = await new Promise((resolve) => child.once('close', resolve));
    expect(status).toBe(0);
    expect(await oras('resolve', `${docker.host}/files/pipe:2`)).toBe(await oras('resolve', reference));
  });
});
