import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Kernel, openKernel, openNode } from '@bpfship/runtime-shim';
import { packServices } from '../../packages/runtime-shim/test/support/test-service.ts';
import { readByVersion, readSeen, type Seen } from '../../test/support/load/numbered.ts';
import { mountBpfFileSystem } from '../support/bpf-file-system.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';
import type { SoakKind } from './kinds.ts';
import { type CallTimes, timedKernel } from './timed-kernel.ts';

const SERVICE = 'soak';
const VERSIONS = ['1.0.0', '1.1.0'] as const;

/** How to soak. */
export interface SoakOptions {
  upgrades: number;
  /** Events a second; 0: as many as one processor makes. */
  rate: number;
  signal?: AbortSignal;
  say?: (line: string) => void;
}

/** What a soak found. */
export interface SoakFindings {
  upgrades: number;
  /** Seconds under load, from the first upgrade to the last. */
  seconds: number;
  /** Events that were made from the first upgrade to the last. */
  made: number;
  /** What the generations saw of them, together. `lost` and `doubled` are to be 0, `once` all that were made. */
  seen: Seen;
  /** Events that even and odd generations saw. */
  byVersion: readonly [number, number];
  /** How the upgrades were switched, e.g. `in-place`, and how many so. */
  switched: Record<string, number>;
  /** Milliseconds of each upgrade, and of its calls of the kernel by their names. */
  upgradeTimes: number[];
  callTimes: CallTimes;
}

/** Upgrades a service again and again under load, to and fro between two versions that share their maps. */
export async function soak(kind: SoakKind, options: SoakOptions): Promise<SoakFindings> {
  const { upgrades, rate, signal, say } = options;
  await using stack = new AsyncDisposableStack();
  const folder = await makeTemporaryFolder(stack, `soak-${kind.name}`);
  const bpffsDir = await mountBpfFileSystem(stack, folder);
  const stage = kind.setStage(stack, folder);
  const packed = await packServices(
    VERSIONS.map((version, slot) => ({
      name: SERVICE,
      version,
      variants: { one: stage.source(slot as 0 | 1) },
      events: {},
    })),
  );
  const callTimes: CallTimes = new Map();
  const kernel = openKernel();
  const node = stack.use(
    await openNode({ stateDir: join(folder, 'state'), bpffsDir, kernel: timedKernel(kernel, callTimes) }),
  );
  const from = (i: number): Parameters<typeof node.upgrade>[0] => ({
    ...packed.unsigned(VERSIONS[i % 2] ?? ''),
    attach: stage.attach,
    service: SERVICE,
  });
  await node.install(from(0));
  stack.defer(() => node.uninstall({ service: SERVICE }));
  const numbers = join(bpffsDir, SERVICE, 'maps', 'numbers');
  const load = stack.use(stage.start(rate));
  await load.pause();
  callTimes.clear();
  const before = await settledSeen(kernel, numbers, await load.pause());
  load.resume();

  const begin = performance.now();
  const upgradeTimes: number[] = [];
  const switched: Record<string, number> = {};
  for (let i = 1; i <= upgrades; i++) {
    signal?.throwIfAborted();
    const start = performance.now();
    const { programs } = await node.upgrade(from(i));
    upgradeTimes.push(performance.now() - start);
    for (const program of programs) switched[program.switched] = (switched[program.switched] ?? 0) + 1;
    if (i % 100 === 0) say?.(`${i} of ${upgrades} upgrades`);
  }
  const seconds = (performance.now() - begin) / 1000;
  const all = await load.pause();
  const after = await settledSeen(kernel, numbers, all);
  return {
    upgrades,
    seconds,
    made: all - before.last,
    seen: {
      last: after.last,
      once: after.once - before.once,
      lost: after.lost - before.lost,
      doubled: after.doubled - before.doubled,
    },
    byVersion: await readByVersion(kernel, join(bpffsDir, SERVICE, 'maps', 'by_version')),
    switched,
    upgradeTimes,
    callTimes,
  };
}

/** What was seen when the last of the events that were made has come; after five seconds without it, what was seen then. */
async function settledSeen(kernel: Kernel, numbers: string, made: number): Promise<Seen> {
  for (let tries = 0; ; tries++) {
    const seen = await readSeen(kernel, numbers);
    if (seen.last >= made || tries === 250) return seen;
    await sleep(20);
  }
}
