import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseBtfIndex } from '@bpfship/media-types';
import { decide as decideVariant, type KernelFacts, kernelFactsBytes, openKernelTypes } from '@bpfship/portability';
import { openKernel, readKernelFacts } from '@bpfship/runtime-shim';
import { whyNotHere } from '../../tools/demo/capability.ts';
import { FIRST_ROUNDS, measureFirst } from '../support/run-measurement.ts';
import { buildSignedExample } from '../support/signed-example.ts';
import { summarize } from '../support/statistics.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';
import { timeEach } from '../support/time-each.ts';
import { type Benchmark, type BenchmarkContext, type Findings } from './benchmark.ts';

const RUNS = 50;
const WARM_UP = 10;
const KERNEL_BTF = '/sys/kernel/btf/vmlinux';

/** Reading the kernel's BTF and deciding about exec-watch. */
export const decide: Benchmark = {
  name: 'decide',
  question: 'What does it cost to read the kernel’s BTF and decide which variant of exec-watch fits?',
  whyNot: whyNotHere,
  run,
};

async function run(context: BenchmarkContext): Promise<Findings> {
  const { signal, quick, say } = context;
  await using stack = new AsyncDisposableStack();
  const folder = await makeTemporaryFolder(stack, 'decide');
  say('building, packing and signing exec-watch 1.0.0');
  const example = await buildSignedExample(folder, signal);
  const index = parseBtfIndex(example.index);
  const btf = readFileSync(KERNEL_BTF);
  const facts = await readFacts(index, btf);

  const { verdicts } = decideVariant({ index, facts, btf });
  if (!verdicts.some(({ outcome }) => outcome === 'loads'))
    throw new Error('no variant certainly loads here; what was decided is not the usual case');

  say('in this process');
  const times = quick ? 1 : RUNS;
  const read = await timeEach(times, () => decideVariant({ index, facts, btf: readFileSync(KERNEL_BTF) }), WARM_UP);
  const types = openKernelTypes(btf);
  const opened = await timeEach(times, () => decideVariant({ index, facts, btf: types }), WARM_UP);

  const [indexFile, factsFile] = [join(folder, 'index.json'), join(folder, 'facts.json')];
  await writeFile(indexFile, example.index);
  await writeFile(factsFile, kernelFactsBytes(facts));
  const first = await measureFirst('decide.ts', [indexFile, factsFile], context);
  return {
    method: [
      `exec-watch 1.0.0 has ${index.variants.length} variants; the kernel’s BTF is ${btf.length} bytes. The kernel facts are read before and not measured.`,
      `In a running process: ${RUNS} times, after ${WARM_UP} that do not count; once with the BTF read, parsed and indexed anew every time, once with kernel types that stay open, as for many packages on one node.`,
      `In a new process: ${FIRST_ROUNDS} processes after one warm-up; the time is taken inside, without Node’s own start; no compile cache. “documents” is parsing the index and the facts, “btf” reading the file.`,
    ],
    peers: {},
    groups: [
      {
        title: 'in a running process',
        series: [
          summarize('BTF read and parsed anew', 'ms', inMilliseconds(read)),
          summarize('kernel types open', 'ms', inMilliseconds(opened)),
        ],
      },
      { title: 'first in a new process', series: first },
    ],
    comparisons: [],
    lists: [
      {
        title: 'The decision',
        lines: verdicts.map(
          ({ variant, architecture, outcome }) =>
            `${architecture === undefined ? variant : `${variant} (${architecture})`}: ${outcome}`,
        ),
      },
    ],
  };
}

function inMilliseconds(microseconds: readonly number[]): number[] {
  return microseconds.map((value) => value / 1000);
}

async function readFacts(index: ReturnType<typeof parseBtfIndex>, btf: Uint8Array): Promise<KernelFacts> {
  await using kernel = openKernel();
  return readKernelFacts({ kernel, btf, for: index.variants.flatMap(({ requirements }) => requirements) });
}
