import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startDockerRegistry } from '../../packages/oras-client/test/docker-registry.ts';
import { hasCommand } from '../../tools/machine/system-packages.ts';
import { dockerRegistryVersion, findOras } from '../support/peers.ts';
import { writeRandomArtifact } from '../support/random-artifact.ts';
import { type FinishedProcess, runProcess } from '../support/run-process.ts';
import { BPFSHIP } from '../support/signed-example.ts';
import { type Series, summarize } from '../support/statistics.ts';
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
const MIB = 2 ** 20;

/** An artifact that is moved. */
interface Load {
  title: string;
  name: string;
  layers: number;
  bytesEach: number;
}

const LOADS: readonly Load[] = [
  { title: 'one layer of 64 MiB', name: 'one', layers: 1, bytesEach: 64 * MIB },
  { title: '100 layers of 64 KiB', name: 'many', layers: 100, bytesEach: 64 * 1024 },
];
const DIRECTIONS = ['push', 'pull'] as const;
const TOOLS = ['bpfship copy', 'oras cp'] as const;
type Direction = (typeof DIRECTIONS)[number];
type Tool = (typeof TOOLS)[number];

/** Push and pull between an OCI layout and docker-registry, beside oras. */
export const transfer: Benchmark = {
  name: 'transfer',
  question: 'How fast does an artifact move between a folder and a registry, and with how much memory, beside oras?',
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
  oras: string;
  env: Record<string, string>;
}

async function run(context: BenchmarkContext): Promise<Findings> {
  await using stack = new AsyncDisposableStack();
  const folder = await makeTemporaryFolder(stack, 'transfer');
  const registry = await startDockerRegistry();
  stack.defer(() => registry.close());
  const oras = findOras();
  const env = {
    DOCKER_CONFIG: join(folder, 'no-credentials'),
    REGISTRY_AUTH_FILE: join(folder, 'none.json'),
    NODE_COMPILE_CACHE: join(folder, 'compile-cache'),
  };
  const stage: Stage = { context, folder, host: registry.host, oras: oras.program, env };
  const groups: Group[] = [];
  const comparisons: Comparison[] = [];
  for (const load of LOADS) {
    await writeRandomArtifact(join(folder, load.name), load.layers, load.bytesEach, context.signal);
    for (const direction of DIRECTIONS) {
      context.say(`${direction}, ${load.title}`);
      const series = await measure(stage, load, direction);
      groups.push({ title: `${direction}, ${load.title}`, series });
      comparisons.push(...compareTools(`${direction}, ${load.title}`, series));
    }
  }
  return {
    method: methodOf(),
    peers: { oras: oras.version, registry: dockerRegistryVersion() },
    groups,
    comparisons,
    lists: [],
  };
}

async function measure(stage: Stage, load: Load, direction: Direction): Promise<Series[]> {
  const runs: Record<Tool, FinishedProcess[]> = { 'bpfship copy': [], 'oras cp': [] };
  const rounds = stage.context.quick ? 1 : RUNS;
  for (let round = 0; round <= rounds; round++) {
    for (const tool of TOOLS) {
      const finished = await moveOnce(stage, load, direction, tool, round);
      if (round > 0) runs[tool].push(finished);
    }
  }
  const seriesOf = (tool: Tool): Series[] => {
    const memory = runs[tool].flatMap(({ peakMemory }) => peakMemory ?? []);
    return [
      summarize(
        tool,
        'ms',
        runs[tool].map(({ milliseconds }) => milliseconds),
      ),
      ...(memory.length > 0 ? [summarize(`${tool}, peak memory`, 'MiB', memory)] : []),
    ];
  };
  return TOOLS.flatMap(seriesOf);
}

/** A push goes to a repository that is new, a pull to a folder that is new. */
async function moveOnce(
  stage: Stage,
  { name }: Load,
  direction: Direction,
  tool: Tool,
  round: number,
): Promise<FinishedProcess> {
  const { folder, host, oras, env, context } = stage;
  const key = `${name}-${tool.split(' ')[0]}-${round}`;
  const pulled = join(folder, `pulled-${key}`);
  const layout = `${direction === 'push' ? join(folder, name) : pulled}:bench`;
  // What is pulled was pushed by the warm-up of the same tool.
  const remote = `${host}/${direction === 'push' ? key : `${name}-${tool.split(' ')[0]}-0`}:bench`;
  const ends = direction === 'push' ? ['--from-oci-layout', layout, remote] : ['--to-oci-layout', remote, layout];
  const plain = direction === 'push' ? '--to-plain-http' : '--from-plain-http';
  const command =
    tool === 'oras cp' ? [oras, 'cp', '--no-tty', plain, ...ends] : [...BPFSHIP, 'copy', '--no-recursive', ...ends];
  try {
    return await runProcess({ command, env, memory: true, signal: context.signal });
  } finally {
    await rm(pulled, { recursive: true, force: true });
  }
}

function compareTools(title: string, series: readonly Series[]): Comparison[] {
  const find = (name: string): Series | undefined => series.find((candidate) => candidate.name === name);
  const pairs = [
    { what: 'time', ours: find('bpfship copy'), peer: find('oras cp') },
    { what: 'peak memory', ours: find('bpfship copy, peak memory'), peer: find('oras cp, peak memory') },
  ];
  return pairs.flatMap(({ what, ours, peer }) => (ours && peer ? [compare(`${title}: ${what}`, ours, peer)] : []));
}

function methodOf(): string[] {
  return [
    'Layers are random bytes. The registry is Debian’s docker-registry on loopback, with its files on the same disk as the folders.',
    `${RUNS} rounds after one warm-up, the tools in turn: bpfship, oras, bpfship, oras. Both copy three blobs at a time (their default) and leave referrers behind.`,
    'Every push goes to a repository that is new; the registry has the bytes already from the warm-up, but must receive and hash them again. Every pull goes to a folder that is new.',
    'The whole process is measured from outside, with its start (for bpfship: Node and its modules). Peak memory is the largest resident set, by GNU time.',
  ];
}
