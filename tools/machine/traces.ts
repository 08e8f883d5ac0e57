import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** What a test run could leave behind on a machine, one line each. */
export type Traces = ReadonlySet<string>;

/** Set in the environment of a test run; every process that the run starts inherits it. */
export const RUN_VARIABLE = 'BPFSHIP_TEST_RUN';

/** Files that programs keep in the temporary folder as their cache, on purpose. */
const CACHES = /^(?:node-compile-cache|v8-compile-cache.*|\.X11-unix)$/;

/** Where to look. */
export interface TraceScope {
  /** Value of {@link RUN_VARIABLE}: processes that have it are of this run. */
  run: string;
  /** The run's own temporary folder, which must be empty at its end. */
  temporary: string;
}

/** Everything that is there now: mounts, network namespaces, interfaces and XDP on them, pins, processes, state, temporary files. */
export function readTraces({ run, temporary }: TraceScope): Traces {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n').filter(Boolean);
  return new Set([
    ...mounts
      .map((line) => line.split(' '))
      // iproute2 mounts its folder over itself with the first namespace that it makes after a boot, and never takes it away.
      .filter(([, path]) => path !== '/run/netns')
      .map(([, path, type]) => `mount ${path} (${type})`),
    ...list('/run/netns').map((name) => `network namespace ${name}`),
    ...list('/sys/class/net').map((name) => `interface ${name}`),
    ...listXdp(),
    ...list('/sys/fs/bpf', true).map((name) => `pin /sys/fs/bpf/${name}`),
    ...list('/var/lib/bpfship', true).map((name) => `state /var/lib/bpfship/${name}`),
    ...(existsSync('/var/lib/bpfship') ? ['folder /var/lib/bpfship'] : []),
    ...list(temporary)
      .filter((name) => !CACHES.test(name))
      .map((name) => `temporary file ${name}`),
    ...listProcesses(run),
  ]);
}

/** What is there now and was not before. Processes that are just ending get three seconds. */
export async function findLeftovers(before: Traces, scope: TraceScope): Promise<string[]> {
  for (let attempt = 0; ; attempt += 1) {
    const left = [...readTraces(scope)].filter((trace) => !before.has(trace));
    if (left.length === 0 || attempt === 15) return left;
    await sleep(200);
  }
}

function listXdp(): string[] {
  const { stdout, status } = spawnSync('ip', ['-o', 'link', 'show'], { encoding: 'utf8' });
  if (status !== 0) return [];
  return stdout
    .split('\n')
    .flatMap((line) => /^\d+: ([^:@]+).*\b(?:xdp|xdpgeneric|xdpoffload)\b/.exec(line)?.[1] ?? [])
    .map((name) => `XDP program on ${name}`);
}

/** Processes of a run by their environment: names would also find what somebody else runs. */
function listProcesses(run: string): string[] {
  const marker = `${RUN_VARIABLE}=${run}`;
  return list('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => read(`/proc/${pid}/environ`).split('\0').includes(marker))
    .map((pid) => `process ${pid}: ${read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim().slice(0, 200)}`);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function list(folder: string, recursive = false): string[] {
  try {
    return readdirSync(folder, { recursive, encoding: 'utf8' }).map((name) => join(name));
  } catch {
    return [];
  }
}
