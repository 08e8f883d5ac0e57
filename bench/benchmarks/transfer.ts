import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { copy, OciLayoutStore, Repository } from '@bpfship/oras-client';
import { startDockerRegistry } from '../../packages/oras-client/test/docker-registry.ts';
import { hasCommand } from '../../tools/machine/system-packages.ts';
import { dockerRegistryVersion, findOras } from '../support/peers.ts';
import { writeRandomArtifact } from '../support/random-artifact.ts';
import { type FinishedProcess, runProcess } from '../support/run-process.ts';
import { type Series, summarize } from '../support/statistics.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';
import { type TransferTool, transferTools } from '../transfer/tools.ts';
import {
  type Benchmark,
  type BenchmarkContext,
  compare,
  type Comparison,
  type Findings,
  type Group,
} from './benchmark.ts';

const RUNS = 5;
const MIB = 2 ** 20;
/** Runs inside of a process that runs already. */
const INSIDE_RUNS = 20;

/** An artifact that is moved. */
interface Load {
  title: string;
  name: string;
  layers: number;
  bytesEach: number;
}

const LOADS: readonly Load[] = [
  { title: '1 GiB in one layer', name: 'one', layers: 1, bytesEach: 1024 * MIB },
  { title: '500 layers of 64 KiB', name: 'many', layers: 500, bytesEach: 64 * 1024 },
  { title: 'one layer of 20 KiB', name: 'small', layers: 1, bytesEach: 20 * 1024 },
];
const QUICK_BYTES = 8 * MIB;
/** `again` is the same once more: everything is there already. */
const WAYS = ['push', 'push again', 'pull', 'pull again'] as const;
type Way = (typeof WAYS)[number];

/** Push and pull between an OCI layout and docker-registry, beside the usual clients. */
export const transfer: Benchmark = {
  name: 'transfer',
  question:
    'How fast does an artifact move between a folder and a registry, and with how much memory, beside oras, crane and skopeo?',
  whyNot: () => Promise.resolve(whyNot()),
  run,
};

function whyNot(): string | undefined {
  if (!hasCommand('docker-registry')) return 'docker-registry is not installed (apt-get install docker-registry)';
  try {
    findOras();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Everything that the runs share. */
interface Stage {
  context: BenchmarkContext;
  folder: string;
  host: string;
  tools: TransferTool[];
  env: Record<string, string>;
}

async function run(context: BenchmarkContext): Promise<Findings> {
  await using stack = new AsyncDisposableStack();
  const folder = await makeTemporaryFolder(stack, 'transfer');
  const registry = await startDockerRegistry();
  stack.defer(() => registry.close());
  const env = {
    DOCKER_CONFIG: join(folder, 'no-credentials'),
    REGISTRY_AUTH_FILE: join(folder, 'none.json'),
    NODE_COMPILE_CACHE: join(folder, 'compile-cache'),
  };
  const stage: Stage = { context, folder, host: registry.host, tools: transferTools(), env };
  const groups: Group[] = [];
  const comparisons: Comparison[] = [];
  for (const load of LOADS) {
    const bytes = context.quick ? Math.min(load.bytesEach, QUICK_BYTES) : load.bytesEach;
    await writeRandomArtifact(join(folder, load.name), load.layers, bytes, context.signal);
    const byWay = await measure(stage, load);
    for (const way of WAYS) {
      const title = `${way}, ${load.title}`;
      const series = byWay[way];
      groups.push({ title, series });
      comparisons.push(...compareTools(title, series));
    }
  }
  const inside = await measureInside(stage);
  groups.push({ title: 'one layer of 20 KiB, inside of a running process', series: inside });
  for (const series of inside) {
    const small = groups.find(({ title }) => title === `${series.name}, one layer of 20 KiB`);
    const oras = small?.series.find(({ name }) => name === 'oras cp');
    if (oras) comparisons.push(compare(`${series.name} inside ÷ oras as a process`, series, oras));
  }
  const peers = Object.fromEntries(stage.tools.slice(1).map(({ name, version }) => [name, version]));
  return { method: methodOf(), peers: { ...peers, registry: dockerRegistryVersion() }, groups, comparisons, lists: [] };
}

async function measure(stage: Stage, load: Load): Promise<Record<Way, Series[]>> {
  const { tools, context } = stage;
  const rounds = context.quick ? 1 : RUNS;
  const runs = Object.fromEntries(WAYS.map((way) => [way, new Map<string, FinishedProcess[]>()]));
  for (let round = 0; round <= rounds; round++) {
    context.say(`${load.title}, round ${round} of ${rounds}`);
    for (const tool of tools)
      for (const [way, finished] of await moveOnce(stage, load, tool, round)) {
        // Round 0 warms up.
        if (round > 0) runs[way]?.set(tool.name, [...(runs[way].get(tool.name) ?? []), finished]);
      }
  }
  const seriesOf = (way: Way): Series[] =>
    tools.flatMap(({ name }) => {
      const finished = runs[way]?.get(name) ?? [];
      const memory = finished.flatMap(({ peakMemory }) => peakMemory ?? []);
      const times = finished.map(({ milliseconds }) => milliseconds);
      return [
        summarize(name, 'ms', times),
        ...(memory.length > 0 ? [summarize(`${name}, peak memory`, 'MiB', memory)] : []),
      ];
    });
  return Object.fromEntries(WAYS.map((way) => [way, seriesOf(way)])) as Record<Way, Series[]>;
}

/** A push to a repository that is new and the same again, a pull to a folder that is new and the same again. */
async function moveOnce(
  stage: Stage,
  { name }: Load,
  tool: TransferTool,
  round: number,
): Promise<[Way, FinishedProcess][]> {
  const { folder, host, env, context } = stage;
  const repository = `${name}/${tool.name.replaceAll(' ', '-')}-${round}`;
  const [source, pulled] = [join(folder, name), join(folder, 'pulled')];
  const finished: [Way, FinishedProcess][] = [];
  const go = async (way: Way, command: string[]): Promise<void> => {
    finished.push([way, await runProcess({ command, env, memory: true, signal: context.signal })]);
  };
  try {
    await mkdir(pulled);
    await go('push', tool.push(source, host, repository));
    await go('push again', tool.push(source, host, repository));
    await go('pull', tool.pull(join(pulled, 'layout'), host, repository));
    await go('pull again', tool.pull(join(pulled, 'layout'), host, repository));
  } finally {
    await rm(pulled, { recursive: true, force: true });
  }
  return finished;
}

/** The small artifact by the library, in this process. */
async function measureInside({ folder, host, context }: Stage): Promise<Series[]> {
  const source = await OciLayoutStore.open(join(folder, 'small'));
  const { signal } = context;
  const [pushes, pulls]: [number[], number[]] = [[], []];
  const rounds = context.quick ? 1 : INSIDE_RUNS;
  for (let round = 0; round <= rounds; round++) {
    await using repository = new Repository({ registry: host, repository: `inside/${round}` });
    const path = join(folder, `inside-${round}`);
    const begin = performance.now();
    await copy(source, 'bench', repository, 'bench', { signal });
    const pushed = performance.now();
    const target = await OciLayoutStore.open(path, { create: true });
    await copy(repository, 'bench', target, 'bench', { signal });
    const end = performance.now();
    await rm(path, { recursive: true });
    if (round === 0) continue;
    pushes.push(pushed - begin);
    pulls.push(end - pushed);
  }
  return [summarize('push', 'ms', pushes), summarize('pull', 'ms', pulls)];
}

/**
 * Beside each peer; the ratio to the fastest is what counts. skopeo is no peer of pushes: it remembers every repository that it has pushed a
 * blob to, and mounts it from there instead of sending it.
 */
function compareTools(title: string, series: readonly Series[]): Comparison[] {
  const times = series.filter(({ unit }) => unit === 'ms');
  const [ours, ...others] = times;
  const left = title.startsWith('push') ? ['plain script', 'skopeo copy'] : ['plain script'];
  const peers = others.filter(({ name }) => !left.includes(name));
  const fastest = peers.toSorted((a, b) => a.median - b.median)[0];
  const floor = others.find(({ name }) => name === 'plain script');
  return [
    ...(ours && fastest ? [compare(`${title}: time ÷ the fastest (${fastest.name})`, ours, fastest)] : []),
    ...(ours && floor ? [compare(`${title}: time ÷ the plain script`, ours, floor)] : []),
  ];
}

function methodOf(): string[] {
  return [
    'Layers are random bytes. The registry is Debian’s docker-registry on loopback, with its files on the same disk as the folders.',
    `${RUNS} rounds after one warm-up, the tools in turn. Each with its own defaults; referrers are left behind.`,
    'Every push goes to a repository that is new; the registry has the bytes already from the warm-up, but must receive and hash them again. skopeo mounts blobs that it has pushed elsewhere before, by a cache of its own, so that its pushes are left out of the ratios. Every pull goes to a folder that is new. “Again” is the same command once more.',
    'The whole process is measured from outside, with its start (for bpfship and the plain script: Node and its modules). Peak memory is the largest resident set, by GNU time.',
    'The plain script does the least that a program on Node with undici can: what it takes is the floor for a client that checks, retries and resumes.',
  ];
}
