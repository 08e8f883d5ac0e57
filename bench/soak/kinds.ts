import { mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import type { AttachTargets } from '@bpfship/runtime-shim';
import { layCable } from '../../test/support/load/cable.ts';
import {
  numberedCgroup,
  numberedClassifier,
  numberedRawTracepoint,
  numberedTracepoint,
  numberedXdp,
} from '../../test/support/load/numbered.ts';
import {
  compileLoad,
  type Load,
  startCalls,
  startDatagrams,
  startPackets,
} from '../../test/support/load/start-load.ts';

/** Where the events of a soak come from, once its stage is set. */
export interface SoakStage {
  /** C of a version; even and odd ones count in slots of their own. */
  source: (slot: 0 | 1) => string;
  attach: AttachTargets;
  /** Starts the load. @param rate - events a second. */
  start: (rate: number) => Load;
}

/** One kind of service that is upgraded under load. */
export interface SoakKind {
  name: string;
  question: string;
  /** Upgrades in a row. */
  upgrades: number;
  /** Events a second; 0: as many as one processor makes. */
  rate: number;
  /** The call that switches, by its name in the kernel's interface. */
  switchedBy: 'updateLink' | 'writeSelector';
  /** Makes what the load needs; it goes when the stack unwinds. */
  setStage: (stack: AsyncDisposableStack, folder: string) => SoakStage;
}

/** All kinds. */
export const SOAK_KINDS: readonly SoakKind[] = [
  {
    name: 'xdp',
    question: 'Does every packet pass exactly one generation of an XDP service while it is upgraded?',
    upgrades: 1000,
    rate: 20_000,
    switchedBy: 'updateLink',
    setStage: (stack, folder) => onCable(stack, folder, numberedXdp),
  },
  {
    name: 'tcx',
    question: 'Does every packet pass exactly one generation of a TCX service while it is upgraded?',
    upgrades: 1000,
    rate: 20_000,
    switchedBy: 'updateLink',
    setStage: (stack, folder) => onCable(stack, folder, numberedClassifier),
  },
  {
    name: 'cgroup',
    question: 'Does every packet pass exactly one generation of a cgroup_skb service while it is upgraded?',
    upgrades: 1000,
    rate: 20_000,
    switchedBy: 'updateLink',
    setStage: inCgroup,
  },
  {
    name: 'raw-tracepoint',
    question: 'Does every event pass exactly one generation of a service at a raw tracepoint while it is upgraded?',
    upgrades: 2000,
    rate: 0,
    switchedBy: 'writeSelector',
    setStage: (_, folder) => withCalls(folder, numberedRawTracepoint),
  },
  {
    name: 'tracepoint',
    question: 'Does every event pass exactly one generation of a service at a tracepoint while it is upgraded?',
    upgrades: 2000,
    rate: 0,
    switchedBy: 'writeSelector',
    setStage: (_, folder) => withCalls(folder, numberedTracepoint),
  },
];

function onCable(stack: AsyncDisposableStack, folder: string, source: (slot: number) => string): SoakStage {
  const cable = layCable();
  stack.defer(() => cable.remove());
  const program = compileLoad('packets', folder);
  return {
    source,
    attach: { '*': { interfaceName: cable.name } },
    start: (rate) => startPackets(program, cable, rate),
  };
}

function withCalls(folder: string, source: (slot: number, mark: number) => string): SoakStage {
  // Nobody else calls getpgid with this.
  const mark = 0x62_70_00_00 + process.pid;
  const program = compileLoad('calls', folder);
  return { source: (slot) => source(slot, mark), attach: {}, start: (rate) => startCalls(program, mark, rate) };
}

function inCgroup(stack: AsyncDisposableStack, folder: string): SoakStage {
  const path = join(cgroupRoot(), `bpfship-soak-${process.pid}`);
  mkdirSync(path);
  stack.defer(() => rmdirSync(path));
  const program = compileLoad('datagrams', folder);
  return {
    source: numberedCgroup,
    attach: { '*': { cgroupPath: path } },
    start: (rate) => startDatagrams(program, path, rate),
  };
}

/** Where the second version of cgroups is mounted. */
function cgroupRoot(): string {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  const [, path] = mounts.find((line) => line.split(' ')[2] === 'cgroup2')?.split(' ') ?? [];
  if (path === undefined) throw new Error('no cgroup2 file system is mounted');
  return path;
}
