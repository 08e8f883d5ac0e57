import { hash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { hasCommand } from '../../tools/machine/system-packages.ts';
import { ROOT } from '../support/machine.ts';
import { dockerRegistryVersion } from '../support/peers.ts';
import { type PinnedServer, startPinned } from '../support/pinned-server.ts';
import { pullRepeatedly } from '../support/pull-load.ts';
import { summarize } from '../support/statistics.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';
import {
  type Benchmark,
  type BenchmarkContext,
  compare,
  type Comparison,
  type Findings,
  type Group,
} from './benchmark.ts';

const RUNS = 5;
const CONNECTIONS = 8;
const SERVER = 0;
const LOAD = 1;

/** What is pulled: a manifest by its tag, its config, one layer. */
const LOADS = [
  { title: 'one layer of 20 KiB', bytes: 20 * 1024, pulls: 1000 },
  { title: 'one layer of 4 MiB', bytes: 4 * 1024 * 1024, pulls: 100 },
] as const;
const SERVERS = ['registry-dev', 'docker-registry'] as const;

/** Pulls from the development registry and docker-registry, each on one processor. */
export const registry: Benchmark = {
  name: 'registry',
  question: 'What does a pull cost registry-dev on one processor, beside docker-registry?',
  whyNot: () => Promise.resolve(whyNot()),
  run,
};

function whyNot(): string | undefined {
  if (!hasCommand('docker-registry')) return 'docker-registry is not installed (apt-get install docker-registry)';
  if (!hasCommand('taskset')) return 'taskset is not installed (apt-get install util-linux)';
  return availableParallelism() < 2 ? 'the load needs a second processor' : undefined;
}

async function run(context: BenchmarkContext): Promise<Findings> {
  await using stack = new AsyncDisposableStack();
  const folder = await makeTemporaryFolder(stack, 'registry');
  const servers = { 'registry-dev': await startOurs(stack, folder), 'docker-registry': await startPeer(stack, folder) };
  spawnSync('taskset', ['-acp', String(LOAD), String(process.pid)]);
  const all = `0-${availableParallelism()}`;
  stack.defer(() => void spawnSync('taskset', ['-acp', all, String(process.pid)]));
  const groups: Group[] = [];
  const comparisons: Comparison[] = [];
  for (const load of LOADS) {
    const repository = `bench/layer-${load.bytes}`;
    const content = randomBytes(load.bytes);
    const paths = new Map<string, string[]>();
    for (const name of SERVERS) paths.set(name, await push(servers[name].port, repository, content));
    const wall = { 'registry-dev': [] as number[], 'docker-registry': [] as number[] };
    const processor = { 'registry-dev': [] as number[], 'docker-registry': [] as number[] };
    for (let round = 0; round <= (context.quick ? 1 : RUNS); round++) {
      context.say(`${load.title}, round ${round}`);
      for (const name of SERVERS) {
        context.signal.throwIfAborted();
        const cost = await measure(servers[name], paths.get(name) ?? [], context.quick ? load.pulls / 10 : load.pulls);
        if (round === 0) continue;
        wall[name].push(cost.wall);
        processor[name].push(cost.processor);
      }
    }
    for (const [what, runs] of [
      ['time', wall],
      ['processor time', processor],
    ] as const) {
      const series = SERVERS.map((name) => summarize(`${name}, ${what} per pull`, 'µs', runs[name]));
      groups.push({ title: load.title, series });
      const [ours, peer] = series;
      if (ours && peer) comparisons.push(compare(`${load.title}: ${what} per pull`, ours, peer));
    }
  }
  return {
    method: [
      'Each registry is a process on one processor (taskset), on a folder of the disk, without TLS; the load is on another processor.',
      `A pull is three requests, manifest by tag, config and layer, one after the other; ${CONNECTIONS} kept-alive connections pull at the same time.`,
      `The registries take turns, ${RUNS} rounds after one to warm up; one million divided by the time per pull is the pulls per second.`,
      'The processor time is what the kernel counted for the registry’s process, which other work on the machine does not change as much.',
    ],
    peers: { 'docker-registry': dockerRegistryVersion() },
    groups,
    comparisons,
    lists: [],
  };
}

function startOurs(stack: AsyncDisposableStack, folder: string): Promise<PinnedServer> {
  const program = join(ROOT, 'registry-dev', 'bin', 'registry-dev.js');
  const root = join(folder, 'ours');
  return startPinned(stack, SERVER, (port) => [process.execPath, program, '--port', String(port), '--root', root]);
}

function startPeer(stack: AsyncDisposableStack, folder: string): Promise<PinnedServer> {
  const file = join(folder, 'peer.yml');
  const content = (port: number): string =>
    `version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage:\n  cache: {blobdescriptor: inmemory}\n  filesystem: {rootdirectory: ${folder}/peer}\nhttp: {addr: 127.0.0.1:${port}}\n`;
  // The port is in the configuration, which has to be there when the program starts.
  return startPinned(stack, SERVER, (port) => {
    writeFileSync(file, content(port));
    return ['docker-registry', 'serve', file];
  });
}

function digestOf(bytes: Uint8Array): string {
  return `sha256:${hash('sha256', bytes, 'hex')}`;
}

/** @returns the paths of one pull. */
async function push(port: number, repository: string, layer: Uint8Array<ArrayBuffer>): Promise<string[]> {
  const base = `/v2/${repository}`;
  const config = Buffer.from('{}');
  for (const bytes of [config, layer]) {
    const begun = await fetch(`http://127.0.0.1:${port}${base}/blobs/uploads/`, { method: 'POST' });
    const place = new URL(begun.headers.get('location') ?? '', `http://127.0.0.1:${port}`);
    place.searchParams.set('digest', digestOf(bytes));
    const { status } = await fetch(place, { method: 'PUT', body: bytes });
    if (status !== 201) throw new Error(`a blob was answered with ${status}`);
  }
  const describe = (mediaType: string, bytes: Uint8Array): object => ({
    mediaType,
    digest: digestOf(bytes),
    size: bytes.length,
  });
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType,
    config: describe('application/vnd.oci.image.config.v1+json', config),
    layers: [describe('application/octet-stream', layer)],
  });
  const { status } = await fetch(`http://127.0.0.1:${port}${base}/manifests/v1`, {
    method: 'PUT',
    body: manifest,
    headers: { 'content-type': mediaType },
  });
  if (status !== 201) throw new Error(`the manifest was answered with ${status}`);
  return [`${base}/manifests/v1`, `${base}/blobs/${digestOf(config)}`, `${base}/blobs/${digestOf(layer)}`];
}

/** Microseconds per pull. */
async function measure(
  server: PinnedServer,
  paths: readonly string[],
  pulls: number,
): Promise<{ wall: number; processor: number }> {
  const used = server.processorTime();
  const begin = performance.now();
  await pullRepeatedly(server.port, paths, { connections: CONNECTIONS, pulls });
  const wall = ((performance.now() - begin) * 1000) / pulls;
  return { wall, processor: (server.processorTime() - used) / pulls };
}
