import { setTimeout as sleep } from 'node:timers/promises';
import { DEFAULT_HEALTH_SECONDS, type ServiceHealth } from '@bpfship/media-types';
import { KernelError } from '../../kernel/kernel-error.ts';
import { openErrorCounters } from './error-counter.ts';
import { openEventsFlow } from './events-flow.ts';
import type { Probe, ProbedGeneration, ProbeFinding } from './probe.ts';
import { openProgramRuns } from './program-runs.ts';

/** Milliseconds between looks. */
const INTERVAL_MS = 200;

/** What came of watching a generation. */
export interface HealthReport {
  verdict: 'healthy' | 'failed';
  /** Seconds that it was watched. */
  seconds: number;
  /** One line with numbers for each probe. */
  probes: { state: 'passed' | 'failed' | 'unknown'; detail: string }[];
}

/** Whether there is anything to ask. */
export function hasProbes({ eventsFlow, errorCounter, runTime, runs }: ServiceHealth = {}): boolean {
  return [eventsFlow, errorCounter, runTime, runs].some((probes) => probes !== undefined && probes.length > 0);
}

/** The probes that the selected variant can be asked: those of maps and programs that it has. */
export function probesFor(health: ServiceHealth, { variant }: Pick<ProbedGeneration, 'variant'>): ServiceHealth {
  const maps = new Set(variant.maps.map(({ name }) => name));
  const programs = new Set(variant.programs.map(({ name }) => name));
  const { eventsFlow = [], errorCounter = [], runTime = [], runs = [], ...rest } = health;
  return {
    ...rest,
    eventsFlow: eventsFlow.filter(({ map }) => maps.has(map)),
    errorCounter: errorCounter.filter(({ map }) => maps.has(map)),
    runTime: runTime.filter(({ program }) => programs.has(program)),
    runs: runs.filter(({ program }) => programs.has(program)),
  };
}

/**
 * Watches a generation until its time is over or a probe fails.
 *
 * @throws what aborted the signal; {KernelError}.
 */
export async function watchHealth(
  declared: ServiceHealth,
  generation: ProbedGeneration,
  options: { seconds?: number | undefined; signal?: AbortSignal | undefined } = {},
): Promise<HealthReport> {
  const health = probesFor(declared, generation);
  const wanted = options.seconds ?? health.for ?? DEFAULT_HEALTH_SECONDS;
  await using stats = await countRuns(health, generation);
  const asked = stats.isCounting ? health : { ...health, runTime: [], runs: [] };
  const probes: Probe[] = (
    await Promise.all([openEventsFlow, openErrorCounters, openProgramRuns].map((open) => open(asked, generation)))
  ).flat();
  const begin = performance.now();
  for (;;) {
    const elapsed = (performance.now() - begin) / 1000;
    const isLast = elapsed >= wanted;
    const findings: ProbeFinding[] = await Promise.all(probes.map((probe) => probe.look(elapsed, isLast)));
    const failed = findings.some(({ state }) => state === 'failed');
    if (failed || isLast) {
      const seconds = Math.round(elapsed * 10) / 10;
      return { verdict: failed ? 'failed' : 'healthy', seconds, probes: [...findings.flatMap(told), ...stats.untold] };
    }
    await sleep(INTERVAL_MS, undefined, options.signal ? { signal: options.signal } : {});
  }
}

/** What stands at the end; where another probe failed, those that still waited say nothing. */
function told({ state, detail }: ProbeFinding): HealthReport['probes'] {
  return state === 'waiting' ? [] : [{ state, detail }];
}

interface Counting extends AsyncDisposable {
  isCounting: boolean;
  untold: HealthReport['probes'];
}

/** Lets the kernel count runs, where a probe asks for them, and only for as long. */
async function countRuns({ runTime = [], runs = [] }: ServiceHealth, { kernel }: ProbedGeneration): Promise<Counting> {
  const nothing = { isCounting: true, untold: [], [Symbol.asyncDispose]: () => Promise.resolve() };
  if (runTime.length + runs.length === 0) return nothing;
  try {
    const stats = await kernel.openStats();
    return { ...nothing, [Symbol.asyncDispose]: () => kernel.closeStats(stats) };
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    const untold = [...runTime, ...runs].map(({ program }) => ({
      state: 'unknown' as const,
      detail: `runs of program ${program} cannot be counted: ${error.message}`,
    }));
    return { ...nothing, isCounting: false, untold };
  }
}
