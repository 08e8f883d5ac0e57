import { setTimeout as sleep } from 'node:timers/promises';
import { type Kernel, openKernel } from '@bpfship/runtime-shim';
import { compileObject } from '../../packages/runtime-shim/test/support/compile-object.ts';
import { numberedRawTracepoint, numberedTracepoint } from '../../test/support/load/numbered.ts';
import { compileLoad, startCalls } from '../../test/support/load/start-load.ts';
import { whyNotHere } from '../../tools/demo/capability.ts';
import { mountBpfFileSystem } from '../support/bpf-file-system.ts';
import { type Series, summarize } from '../support/statistics.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';
import { type Benchmark, type BenchmarkContext, compare, type Findings, type Group } from './benchmark.ts';

const ROUNDS = 15;
/** Milliseconds of load in a round. */
const ROUND_MS = 500;

/** What a stub adds to each event. */
export const stub: Benchmark = {
  name: 'stub',
  question: 'What does the stub, by which tracing programs are switched, cost per event?',
  whyNot: whyNotHere,
  run,
};

/** A program at its hook, with or without a stub. */
interface AtHook {
  title: string;
  /** Of the program that the kernel calls, which its statistics are of. */
  entry: string;
  attach: () => Promise<void>;
  detach: () => Promise<void>;
}

async function run(context: BenchmarkContext): Promise<Findings> {
  await using stack = new AsyncDisposableStack();
  const folder = await makeTemporaryFolder(stack, 'stub');
  const pins = await mountBpfFileSystem(stack, folder);
  const kernel = stack.use(openKernel());
  const mark = 0x73_74_00_00 + process.pid;
  const calls = compileLoad('calls', folder);
  const stats = await kernel.openStats();
  stack.defer(() => kernel.closeStats(stats));
  const groups: Group[] = [];
  const comparisons = [];
  for (const [name, section, source] of [
    ['raw tracepoint', 'raw_tp/sys_enter', numberedRawTracepoint(0, mark)],
    ['tracepoint', 'tp/raw_syscalls/sys_enter', numberedTracepoint(0, mark)],
  ] as const) {
    const base = `${pins}-${name.replace(' ', '-')}`;
    const ways = await prepare(kernel, base, section, compileObject(source));
    const runs = ways.map((): number[] => []);
    for (let round = 0; round <= (context.quick ? 1 : ROUNDS); round++) {
      context.say(`${name}, round ${round}`);
      for (const [i, way] of ways.entries()) {
        context.signal.throwIfAborted();
        const cost = await measure(kernel, way, () => startCalls(calls, mark, 0));
        if (round > 0) runs[i]?.push(cost);
      }
    }
    const costs = ways.map(({ title }, i) => summarize(`${title}, program time per event`, 'ns', runs[i] ?? []));
    const [direct, behind] = costs as [Series, Series];
    const added = behind.runs.map((cost, i) => cost - (direct.runs[i] ?? 0));
    groups.push({ title: name, series: [...costs, summarize('of that, the stub', 'ns', added)] });
    comparisons.push(compare(`${name}: with a stub ÷ without`, behind, direct));
  }
  return {
    method: [
      'The kernel counts the runs and the time of the program that it calls (BPF_ENABLE_STATS): the program itself, or the stub with what it goes on in.',
      'The program reads two arguments of a system call and, for those of the load, counts in two maps. A process makes as many system calls as it can on one processor; both ways are measured in turn.',
    ],
    peers: {},
    groups,
    comparisons,
    lists: [],
  };
}

/** Loads the program and its stub, and pins them. */
async function prepare(kernel: Kernel, base: string, section: string, bytes: Uint8Array): Promise<AtHook[]> {
  const [program, stubProgram, slots, selector, link] = ['program', 'stub', 'slots', 'selector', 'link'].map(
    (what) => `${base}-${what}`,
  ) as [string, string, string, string, string];
  const loaded = await kernel.load({ name: 'cost', bytes });
  await kernel.pinObject(loaded.id, { maps: {}, programs: { numbered: program } });
  await kernel.makeSelector(selector);
  const stubs = await kernel.loadStubs(selector, [
    {
      name: 'numbered',
      section,
      result: 0,
      contextBytes: 0,
      functionIp: false,
      programPin: stubProgram,
      slotsPin: slots,
    },
  ]);
  await kernel.fillSlot(slots, 0, program);
  const way = (title: string, object: number, entry: string): AtHook => ({
    title,
    entry,
    attach: async () => void (await kernel.attach(object, 'numbered', { linkPin: link })),
    detach: () => kernel.removeLink(link),
  });
  return [way('without a stub', loaded.id, program), way('with a stub', stubs.id, stubProgram)];
}

/** @returns nanoseconds of an event. */
async function measure(
  kernel: Kernel,
  { entry, attach, detach }: AtHook,
  start: () => ReturnType<typeof startCalls>,
): Promise<number> {
  await attach();
  try {
    await using _load = start();
    await sleep(50);
    const before = await kernel.programStats(entry);
    await sleep(ROUND_MS);
    const after = await kernel.programStats(entry);
    if (!before || !after) throw new Error(`${entry} is gone`);
    return Number(after.nanoseconds - before.nanoseconds) / Number(after.runs - before.runs);
  } finally {
    await detach();
  }
}
