import { mkdir, readdir, readFile } from 'node:fs/promises';
import { arch } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { copy, Repository } from '@bpfship/oras-client';
import { packServices } from '../../packages/runtime-shim/test/support/test-service.ts';
import { whyNotHere } from '../../tools/demo/capability.ts';
import { mountBpfFileSystem } from '../support/bpf-file-system.ts';
import { type DaemonProcess, startDaemon } from '../support/daemon-process.ts';
import { findOras, type PeerProgram } from '../support/peers.ts';
import { type RecordingRegistry, startRecordingRegistry } from '../support/recording-registry.ts';
import { runProcess } from '../support/run-process.ts';
import { BPFSHIP, buildSignedExample, type SignedExample } from '../support/signed-example.ts';
import { type Series, summarize } from '../support/statistics.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';
import { type Benchmark, type BenchmarkContext, compare, type Findings } from './benchmark.ts';

const SERVICES = 50;
const ROUNDS = 10;
/** Seconds for which the daemon is looked at while it has nothing to do. */
const IDLE_SECONDS = 60;
/** Seconds after the last change. The first look for drift comes within 30. */
const SETTLE_SECONDS = 40;

/** A node's daemon: what it takes at rest, with nothing new, and for an install; beside tools that only load. */
export const shim: Benchmark = {
  name: 'shim',
  question: 'What does the daemon of a node cost at rest, when nothing is new, and for a cold install?',
  whyNot: whyNotHere,
  run,
};

interface Stage {
  context: BenchmarkContext;
  folder: string;
  registry: RecordingRegistry;
  example: SignedExample;
  env: Record<string, string>;
  daemon: DaemonProcess;
}

async function run(context: BenchmarkContext): Promise<Findings> {
  await using stack = new AsyncDisposableStack();
  const stage = await prepare(stack, context);
  const rounds = context.quick ? 1 : ROUNDS;
  const installs = await measureInstalls(stage, rounds);
  const loads = await measureLoads(stage, rounds);
  const { reconciles, requests } = await measureReconciles(stage, rounds);
  const idle = await measureIdle(stage, context.quick ? 3 : IDLE_SECONDS);
  const [beyond] = installs.daemon;
  const [oneShot] = installs.oneShot;
  const [pulledAndLoaded] = loads.series;
  return {
    method: [
      `The daemon is a process as users start it, with ${SERVICES} services of a registry on loopback as its desired state; each has a program at a raw tracepoint.`,
      'Processor time is what the kernel’s scheduler counts for all threads of the daemon (/proc/…/schedstat); memory is its resident set.',
      '“Beyond the kernel’s own” is the time from the request to the answer, without the steps load and attach, in which the kernel verifies, loads and attaches. The package is signed and nothing of it is on the node.',
      'One-shot is a whole process, from before its start until it is gone; so are the tools: “bpftool prog loadall” of an object of the same package, which loads and pins and attaches nothing (Debian 12’s cannot attach to raw tracepoints), and “oras pull” before it, which fetches all layers. Neither verifies a signature, chooses a variant or can be upgraded.',
    ],
    peers: loads.peers,
    groups: [
      { title: `nothing new, ${SERVICES} services`, series: reconciles },
      { title: 'at rest', series: idle },
      { title: 'cold install in a running daemon', series: installs.daemon },
      { title: 'cold install by a process of its own', series: installs.oneShot },
      ...(loads.series.length > 0 ? [{ title: 'tools that only load', series: loads.series }] : []),
    ],
    comparisons:
      beyond && oneShot && pulledAndLoaded
        ? [
            compare('install in the daemon ÷ oras pull and bpftool', beyond, pulledAndLoaded),
            compare('install by a process ÷ oras pull and bpftool', oneShot, pulledAndLoaded),
          ]
        : [],
    lists: [{ title: `Requests of one reconciliation of ${SERVICES} services`, lines: [requests] }],
  };
}

async function prepare(stack: AsyncDisposableStack, context: BenchmarkContext): Promise<Stage> {
  const { signal, say } = context;
  const folder = await makeTemporaryFolder(stack, 'shim');
  const registry = await startRecordingRegistry(stack, join(folder, 'registry'));
  say(`building ${SERVICES + 1} services`);
  const example = await buildSignedExample(folder, signal);
  await runProcess({
    command: [...BPFSHIP, 'push', example.layout, `${registry.host}/bench/exec-watch:1.0.0`],
    env: { DOCKER_CONFIG: join(folder, 'none') },
    signal,
  });
  const bpffs = await mountBpfFileSystem(stack, folder);
  const env = {
    BPFSHIP_STATE_DIR: join(folder, 'state'),
    BPFSHIP_BPFFS: bpffs,
    DOCKER_CONFIG: join(folder, 'none'),
    REGISTRY_AUTH_FILE: join(folder, 'none.json'),
  };
  const services = [];
  for (let i = 0; i < SERVICES; i++) services.push(await pushService(registry, `rest-${i}`));
  const daemon = await startDaemon(stack, env);
  say('applying the desired state');
  await daemon.call('PUT', '/v1/desired', { schemaVersion: 1, interval: '7d', services });
  registry.take();
  return { context, folder, registry, example, env, daemon };
}

async function pushService(registry: RecordingRegistry, name: string): Promise<object> {
  const source = `
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); } runs SEC(".maps");
SEC("raw_tp/sched_process_exec") int count(void *ctx)
{
	__u32 zero = 0;
	__u64 *number = bpf_map_lookup_elem(&runs, &zero);
	if (number)
		__sync_fetch_and_add(number, 1);
	return 0;
}`;
  const packed = await packServices([{ name, version: '1.0.0', variants: { one: source }, events: {} }]);
  const repository = new Repository({ registry: registry.host, repository: `rest/${name}` }, { plainHttp: true });
  await copy(packed.store, '1.0.0', repository, '1.0.0');
  return { name, reference: `${registry.host}/rest/${name}:1.0.0`, allowUnsigned: true };
}

async function measureReconciles(
  { daemon, registry, context }: Stage,
  rounds: number,
): Promise<{ reconciles: Series[]; requests: string }> {
  const cpu: number[] = [];
  const whole: number[] = [];
  const requests: number[] = [];
  let conditional = 0;
  for (let round = 0; round <= rounds; round++) {
    context.say(`reconciling, round ${round} of ${rounds}`);
    registry.take();
    const [begin, before] = [performance.now(), daemon.cpu()];
    await daemon.call('POST', '/v1/reconcile', {});
    const [milliseconds, used] = [performance.now() - begin, daemon.cpu() - before];
    const asked = registry.take();
    // Round 0 warms up.
    if (round === 0) continue;
    whole.push(milliseconds);
    cpu.push(used);
    requests.push(asked.length);
    conditional = asked.filter(({ status, method }) => status === 304 || method === 'HEAD').length;
  }
  return {
    reconciles: [
      summarize('processor time', 'ms', cpu),
      summarize('until the answer', 'ms', whole),
      summarize('requests', 'requests', requests),
    ],
    requests: `${requests.at(-1) ?? 0} requests, ${conditional} of them conditional or HEAD`,
  };
}

async function measureIdle({ daemon, context }: Stage, seconds: number): Promise<Series[]> {
  // What is begun comes to its end, memory is given back, and the first look for drift reads again what it needs of that.
  await sleep(context.quick ? 1000 : SETTLE_SECONDS * 1000, undefined, { signal: context.signal });
  context.say(`looking on for ${seconds} s`);
  const before = daemon.cpu();
  await sleep(seconds * 1000, undefined, { signal: context.signal });
  const perSecond = (daemon.cpu() - before) / seconds;
  return [
    summarize('resident memory', 'MiB', [daemon.memory()]),
    summarize('processor time per second', 'ms', [perSecond]),
  ];
}

/** Installs of the signed example; each is uninstalled, and its package thrown away, before the next. */
async function measureInstalls(stage: Stage, rounds: number): Promise<{ daemon: Series[]; oneShot: Series[] }> {
  const { daemon, registry, example, env, folder, context } = stage;
  const reference = `${registry.host}/bench/exec-watch:1.0.0`;
  const key = await readFile(example.key, 'utf8');
  const [beyond, whole, oneShot]: [number[], number[], number[]] = [[], [], []];
  for (let round = 0; round <= rounds; round++) {
    context.say(`installing, round ${round} of ${rounds}`);
    const begin = performance.now();
    const { steps } = await daemon.call<{ steps: { step: string; milliseconds: number }[] }>('POST', '/v1/services', {
      reference,
      plainHttp: true,
      policy: { keys: [key] },
    });
    const milliseconds = performance.now() - begin;
    await daemon.call('DELETE', '/v1/services/exec-watch');
    const kernels = steps.filter(({ step }) => step === 'load' || step === 'attach');
    const { milliseconds: process } = await runProcess({
      command: [...BPFSHIP, 'install', reference, '--key', example.key, '--format', 'json'],
      env: {
        ...env,
        BPFSHIP_STATE_DIR: join(folder, 'one-shot'),
        BPFSHIP_BPFFS: `${env['BPFSHIP_BPFFS'] ?? ''}-one-shot`,
      },
      signal: context.signal,
    });
    await runProcess({
      command: [...BPFSHIP, 'uninstall', 'exec-watch'],
      env: {
        ...env,
        BPFSHIP_STATE_DIR: join(folder, 'one-shot'),
        BPFSHIP_BPFFS: `${env['BPFSHIP_BPFFS'] ?? ''}-one-shot`,
      },
      signal: context.signal,
    });
    if (round === 0) continue;
    whole.push(milliseconds);
    beyond.push(milliseconds - kernels.reduce((sum, step) => sum + step.milliseconds, 0));
    oneShot.push(process);
  }
  return {
    daemon: [
      summarize('from the request to the answer', 'ms', whole),
      summarize('beyond the kernel’s own', 'ms', beyond),
    ],
    oneShot: [summarize('whole process', 'ms', oneShot)],
  };
}

/** What tools take that only fetch and load. */
async function measureLoads(
  { registry, env, folder, context }: Stage,
  rounds: number,
): Promise<{ series: Series[]; peers: Record<string, string> }> {
  const { signal } = context;
  let oras: PeerProgram;
  try {
    oras = findOras();
  } catch (error) {
    context.say(`without oras and bpftool: ${(error as Error).message}`);
    return { series: [], peers: {} };
  }
  const objects = join(folder, 'objects');
  const others = arch() === 'arm64' ? /-(?:amd64|big)\.bpf\.o$/ : /-(?:arm64|big)\.bpf\.o$/;
  const names = (await readdir(objects)).filter((name) => name.endsWith('.bpf.o') && !others.test(name));
  const object = names.sort()[0] ?? '';
  const reference = `${registry.host}/bench/exec-watch:1.0.0`;
  const [both, alone]: [number[], number[]] = [[], []];
  for (let round = 0; round <= rounds; round++) {
    const pins = `${env['BPFSHIP_BPFFS'] ?? ''}-bpftool-${round}`;
    const output = join(folder, `pulled-${round}`);
    await mkdir(output);
    const pull = await runProcess({
      command: [oras.program, 'pull', '--plain-http', '--no-tty', '--output', output, reference],
      env,
      signal,
    });
    const load = await runProcess({
      command: ['bpftool', 'prog', 'loadall', join(objects, object), pins],
      signal,
    });
    await runProcess({ command: ['rm', '-r', pins], signal });
    if (round === 0) continue;
    both.push(pull.milliseconds + load.milliseconds);
    alone.push(load.milliseconds);
  }
  const { stdout } = await runProcess({ command: ['bpftool', 'version'], signal });
  return {
    series: [summarize('oras pull and bpftool', 'ms', both), summarize('bpftool alone', 'ms', alone)],
    peers: { oras: oras.version, bpftool: stdout.split('\n')[0] ?? 'bpftool' },
  };
}
