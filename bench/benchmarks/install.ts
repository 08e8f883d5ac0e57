import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { whyNotHere } from '../../tools/demo/capability.ts';
import { mountBpfFileSystem } from '../support/bpf-file-system.ts';
import { findOras, type PeerProgram } from '../support/peers.ts';
import { type RecordedRequest, type RecordingRegistry, startRecordingRegistry } from '../support/recording-registry.ts';
import { runProcess } from '../support/run-process.ts';
import { BPFSHIP, buildSignedExample, type SignedExample } from '../support/signed-example.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';
import { type Benchmark, type BenchmarkContext, compare, type Findings } from './benchmark.ts';
import { type InstallRun, installSeries, readInstallRun } from './install-run.ts';
import { summarize } from '../support/statistics.ts';

const RUNS = 7;
/** As issue 2 asks for it. */
const MAX_REQUESTS = 8;

/** Cold install of exec-watch, and `oras pull` of the same artifact beside it. */
export const install: Benchmark = {
  name: 'install',
  question: 'What does a cold install of exec-watch cost, and where does the time go?',
  whyNot: whyNotHere,
  run,
};

/** Everything that the runs share. */
interface Stage {
  context: BenchmarkContext;
  folder: string;
  reference: string;
  example: SignedExample;
  registry: RecordingRegistry;
  /** Environment of every process: own folders, no credentials of the user. */
  env: Record<string, string>;
}

async function run(context: BenchmarkContext): Promise<Findings> {
  await using stack = new AsyncDisposableStack();
  const stage = await prepare(stack, context);
  const oras = tryOras(context);
  const rounds = context.quick ? 1 : RUNS;
  const installs: InstallRun[] = [];
  const first: InstallRun[] = [];
  const pulls: { milliseconds: number; peakMemory: number | undefined }[] = [];
  let asked: { ours: RecordedRequest[]; oras: RecordedRequest[] } = { ours: [], oras: [] };
  // Round 0 warms up: the page cache, the registry, and the compile cache that later runs share.
  for (let round = 0; round <= rounds; round++) {
    context.say(round === 0 ? 'warm-up' : `round ${round} of ${rounds}`);
    const ours = await installOnce(stage, join(stage.folder, 'compile-cache'));
    const requests = stage.registry.take();
    const pull = oras && (await pullOnce(stage, oras));
    const byOras = stage.registry.take();
    const never = await withFolder(stage.folder, 'never-run-', (empty) => installOnce(stage, empty));
    stage.registry.take();
    if (round === 0) continue;
    asked = { ours: requests, oras: byOras };
    installs.push(ours);
    first.push(never);
    if (pull) pulls.push(pull);
  }
  return findingsOf({ installs, first, pulls }, asked, stage, oras, rounds);
}

async function prepare(stack: AsyncDisposableStack, context: BenchmarkContext): Promise<Stage> {
  const { signal } = context;
  const folder = await makeTemporaryFolder(stack, 'install');
  context.say('building, packing and signing exec-watch 1.0.0');
  const example = await buildSignedExample(folder, signal);
  const registry = await startRecordingRegistry(stack, join(folder, 'registry'));
  const bpffs = await mountBpfFileSystem(stack, folder);
  const env = {
    BPFSHIP_BPFFS: bpffs,
    DOCKER_CONFIG: join(folder, 'no-credentials'),
    REGISTRY_AUTH_FILE: join(folder, 'none.json'),
  };
  const reference = `${registry.host}/bench/exec-watch:1.0.0`;
  await runProcess({ command: [...BPFSHIP, 'push', example.layout, reference], env, signal });
  registry.take();
  return { context, folder, reference, example, registry, env };
}

function tryOras({ say }: BenchmarkContext): PeerProgram | undefined {
  try {
    return findOras();
  } catch (error) {
    say(`without oras: ${(error as Error).message}`);
    return undefined;
  }
}

/** One install by a new process into an empty state folder; what it installed is gone afterwards. */
function installOnce({ context, folder, reference, example, env }: Stage, compileCache: string): Promise<InstallRun> {
  const { signal } = context;
  return withFolder(folder, 'state-', async (state) => {
    const all = { ...env, BPFSHIP_STATE_DIR: state, NODE_COMPILE_CACHE: compileCache };
    const command = [...BPFSHIP, 'install', reference, '--key', example.key, '--format', 'json'];
    const finished = await runProcess({ command, env: all, signal, memory: true });
    await runProcess({ command: [...BPFSHIP, 'uninstall', 'exec-watch'], env: all, signal });
    return readInstallRun(finished);
  });
}

function pullOnce(
  { context, folder, reference, env }: Stage,
  { program }: PeerProgram,
): Promise<InstallRun['process']> {
  const { signal } = context;
  return withFolder(folder, 'pulled-', (output) => {
    const command = [program, 'pull', '--plain-http', '--no-tty', '--output', output, reference];
    return runProcess({ command, env, signal, memory: true });
  });
}

async function withFolder<T>(parent: string, prefix: string, action: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(parent, prefix));
  try {
    return await action(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function findingsOf(
  runs: {
    installs: InstallRun[];
    first: InstallRun[];
    pulls: { milliseconds: number; peakMemory: number | undefined }[];
  },
  asked: { ours: RecordedRequest[]; oras: RecordedRequest[] },
  { example }: Stage,
  oras: PeerProgram | undefined,
  rounds: number,
): Findings {
  const ours = installSeries(runs.installs);
  const never = installSeries(runs.first);
  const memory = runs.pulls.flatMap(({ peakMemory }) => peakMemory ?? []);
  const pull =
    runs.pulls.length > 0
      ? [
          summarize(
            'whole process',
            'ms',
            runs.pulls.map(({ milliseconds }) => milliseconds),
          ),
        ]
      : [];
  const pullMemory = memory.length > 0 ? [summarize('peak memory', 'MiB', memory)] : [];
  const [whole, pulled] = [ours[0], pull[0]];
  return {
    method: methodOf(rounds),
    peers: oras ? { oras: oras.version } : {},
    groups: [
      { title: 'bpfship install', series: ours },
      { title: 'bpfship install, compile cache of Node empty', series: never },
      ...(pull.length > 0 ? [{ title: 'oras pull', series: [...pull, ...pullMemory] }] : []),
    ],
    comparisons: whole && pulled ? [compare('bpfship install ÷ oras pull, whole process', whole, pulled)] : [],
    lists: [
      { title: claim(asked.ours), lines: asked.ours.map((request) => describe(request, example)) },
      ...(oras
        ? [
            {
              title: `What oras pull asked for (${asked.oras.length} requests)`,
              lines: asked.oras.map((request) => describe(request, example)),
            },
          ]
        : []),
    ],
  };
}

function methodOf(rounds: number): string[] {
  return [
    'exec-watch 1.0.0 is built, packed and signed by the command line and pushed to registry-dev, which runs in the benchmark’s own process on loopback.',
    `${rounds} rounds after one warm-up; in each round, one after the other: bpfship install, oras pull, bpfship install with an empty compile cache.`,
    'Every install is a new process with a new, empty state folder, and is uninstalled before the next; pins are made in a BPF file system that is mounted already.',
    'Cold means: nothing of the package is on the node. The files of Node and bpfship are in the kernel’s page cache; Node’s compile cache is warm (as after any earlier command), except where the table says empty.',
    '“whole process” is measured from outside, from before the process is started until it is gone. “start” ends where the first step begins; the steps are what install itself reports; “rest” is what is left, mostly checks between the steps and the end of the process.',
    'oras pull does other work: it takes all layers, verifies no signature, reads no kernel facts and loads nothing. It is here as the price of a fetch alone.',
  ];
}

function claim(requests: readonly RecordedRequest[]): string {
  const within = requests.length <= MAX_REQUESTS ? 'holds' : 'DOES NOT HOLD';
  return `“Manifest, BTF index, signature and one layer, in at most ${MAX_REQUESTS} requests” ${within} (${requests.length} requests)`;
}

function describe({ method, path, status, bytes }: RecordedRequest, { roles }: SignedExample): string {
  const digest = /sha256:[0-9a-f]{64}/.exec(path)?.[0] ?? '';
  const what = path.includes('/referrers/')
    ? 'signature: list'
    : (roles.get(digest) ?? (path.includes('/manifests/') ? 'manifest' : ''));
  const shortened = path.replace(/(sha256:[0-9a-f]{12})[0-9a-f]{52}/, '$1…');
  return `${method} ${shortened} → ${status}, ${bytes} bytes${what === '' ? '' : ` (${what})`}`;
}
