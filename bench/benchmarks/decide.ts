import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BtfIndex, parseBtfIndex } from '@bpfship/media-types';
import {
  createKernelTypesCache,
  decide as decideVariant,
  type KernelFacts,
  kernelFactsBytes,
  openKernelTypes,
  parseKernelFacts,
} from '@bpfship/portability';
import { openKernel, readKernelFacts } from '@bpfship/runtime-shim';
import { whyNotHere } from '../../tools/demo/capability.ts';
import { debianArchiveProblem } from '../../tools/machine/debian-archive.ts';
import { BTF_SERIES, kernelBtf } from '../../tools/machine/kernel-btf.ts';
import { buildBtfPeers } from '../support/btf-peers.ts';
import { writeFleet } from '../support/fleet.ts';
import { FIRST_ROUNDS, firstCommand, measureInTurn } from '../support/run-measurement.ts';
import { buildSignedExample } from '../support/signed-example.ts';
import { type Series, summarize } from '../support/statistics.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';
import { timeEach } from '../support/time-each.ts';
import { type Benchmark, type BenchmarkContext, compare, type Findings } from './benchmark.ts';

const RUNS = 50;
const WARM_UP = 10;
/** Nodes of the fleet. */
const FLEET = 10_000;
const PARTS = 10;
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
  const peers = buildBtfPeers(folder, say);
  const [alone = [], checked = [], nothing = [], ...others] = await measureInTurn(
    [
      firstCommand('decide.mjs', [indexFile, factsFile]),
      firstCommand('decide-checked.ts', [indexFile, factsFile]),
      firstCommand('nothing.mjs'),
      ...peers.map(({ program }) => [program]),
    ],
    context,
  );
  const fleet = decideFleet(join(folder, 'fleet'), quick ? 100 : FLEET, { index, facts, btf, say });
  const together = seriesNamed(alone, 'together');
  return {
    method: [
      `exec-watch 1.0.0 has ${index.variants.length} variants; the kernel’s BTF is ${btf.length} bytes. The kernel facts are read before and not measured.`,
      `In a running process: ${RUNS} times, after ${WARM_UP} that do not count; once with the BTF read, parsed and indexed anew every time, once with kernel types that stay open, as for many packages on one node.`,
      `In a new process: ${FIRST_ROUNDS} processes of each after one warm-up, in turn; the time is taken inside from the first statement, without Node’s own start; no compile cache. “modules” is loading our code, “documents” reading index and facts, “btf” reading the file. The first table takes documents that were checked when they were stored (@bpfship/portability/decision), the second checks both against their schemas.`,
      'The peers read the kernel’s BTF and find nine structs in it; they decide nothing. libbpf is C, cilium/ebpf is Go.',
      `The fleet: facts of ${fleet.nodes} nodes in as many files, all different, with ${fleet.kernels} different kernels; every file is read, checked and decided about, one after the other, in this process.`,
    ],
    peers: Object.fromEntries(peers.map(({ name, version }) => [name, version])),
    groups: [
      {
        title: 'in a running process',
        series: [
          summarize('BTF read and parsed anew', 'ms', inMilliseconds(read)),
          summarize('kernel types open', 'ms', inMilliseconds(opened)),
        ],
      },
      { title: 'first in a new process, documents checked before', series: alone },
      { title: 'first in a new process, documents checked there', series: checked },
      { title: 'a new process that does nothing', series: nothing },
      ...peers.map(({ name }, at) => ({ title: `${name} in a new process`, series: others[at] ?? [] })),
      { title: `${fleet.nodes} nodes`, series: fleet.series },
    ],
    comparisons: peers.map(({ name }, at) =>
      compare(`the whole decision ÷ ${name} reading the BTF`, together, seriesNamed(others[at] ?? [], 'together')),
    ),
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

function seriesNamed(group: readonly Series[], name: string): Series {
  const found = group.find((series) => series.name === name);
  if (found === undefined) throw new Error(`nothing measured is called ${name}`);
  return found;
}

interface FleetInput {
  index: BtfIndex;
  facts: KernelFacts;
  btf: Uint8Array;
  say: (line: string) => void;
}

/** Decides for many nodes, timing each tenth of them, so that the table shows whether later ones take longer. */
function decideFleet(
  folder: string,
  nodes: number,
  { index, facts, btf, say }: FleetInput,
): { nodes: number; kernels: number; series: Series[] } {
  say(`writing facts of ${nodes} nodes`);
  const running = { release: facts.release, btf };
  const others = debianArchiveProblem() === undefined ? BTF_SERIES.filter((series) => !series.endsWith('-arm64')) : [];
  const kernels = others.map((release) => ({ release, btf: new Uint8Array(readFileSync(kernelBtf(release))) }));
  const fleet = writeFleet(folder, nodes, facts, [running, ...kernels]);
  say(`deciding for ${nodes} nodes`);
  const cache = createKernelTypesCache({ read: fleet.read });
  const parts: number[] = [];
  let most = 0;
  for (let part = 0; part < PARTS; part++) {
    const begin = performance.now();
    for (const file of fleet.files.slice((part * nodes) / PARTS, ((part + 1) * nodes) / PARTS)) {
      const own = parseKernelFacts(readFileSync(file));
      decideVariant({ index, facts: own, btf: cache.get(own.btf.digest ?? '') });
    }
    parts.push(performance.now() - begin);
    most = Math.max(most, process.memoryUsage.rss() / 1_048_576);
  }
  const all = parts.reduce((sum, part) => sum + part, 0);
  return {
    nodes,
    kernels: fleet.kernels,
    series: [
      summarize('all', 'ms', [all]),
      summarize('each tenth', 'ms', parts),
      summarize('memory of this process at most', 'MiB', [most]),
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
