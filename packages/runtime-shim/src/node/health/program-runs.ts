import type { ProgramStats } from '../../kernel/kernel.ts';
import type { OpenProbes, Probe, ProbedGeneration } from './probe.ts';

/** Probes of how often programs run and how long they take. The kernel must be counting (`Kernel.openStats`). */
export const openProgramRuns: OpenProbes = async ({ runTime = [], runs = [] }, generation) => {
  const times = runTime.map(({ program, maxNsPerRun }) =>
    openProbe(program, generation, (counted) => {
      if (counted.runs === 0n) return { passed: true, detail: `program ${program} did not run` };
      const average = counted.nanoseconds / counted.runs;
      const detail = `program ${program} took ${average} ns a run, at most ${maxNsPerRun} allowed (${counted.runs} runs)`;
      return { passed: average <= BigInt(maxNsPerRun), detail };
    }),
  );
  const counts = runs.map(({ program, min }) =>
    openProbe(program, generation, (counted) => ({
      passed: counted.runs >= BigInt(min),
      detail: `program ${program} ran ${counted.runs} times, at least ${min} wanted`,
    })),
  );
  return Promise.all([...times, ...counts]);
};

type Counted = Pick<ProgramStats, 'runs' | 'nanoseconds'>;

/** By the kernel's ids: a stub that somebody has made anew, by stopping and starting the service, counts from 0. */
type Counters = ReadonlyMap<number, Counted>;

function since(start: Counters, now: Counters): Counted {
  const counted: Counted = { runs: 0n, nanoseconds: 0n };
  for (const [id, { runs, nanoseconds }] of now) {
    counted.runs += runs - (start.get(id)?.runs ?? 0n);
    counted.nanoseconds += nanoseconds - (start.get(id)?.nanoseconds ?? 0n);
  }
  return counted;
}

async function openProbe(
  program: string,
  generation: ProbedGeneration,
  judge: (counted: Counted) => { passed: boolean; detail: string },
): Promise<Probe> {
  const start = await countersOf(program, generation);
  return {
    async look(_elapsed, isLast) {
      const now = await countersOf(program, generation);
      if (!start || !now) return { state: 'unknown', detail: `program ${program} is not pinned` };
      const { passed, detail } = judge(since(start, now));
      return { state: isLast ? (passed ? 'passed' : 'failed') : 'waiting', detail };
    },
  };
}

/**
 * What the kernel has counted of a program at all its hooks. Behind a stub it is the stub that the kernel runs and counts, with all that it goes on in
 * (kernel/bpf/trampoline.c and include/linux/filter.h count where a program is entered, not where it tail-calls).
 */
async function countersOf(
  program: string,
  { kernel, pins, id, programs }: ProbedGeneration,
): Promise<Counters | undefined> {
  const own = programs.filter(({ name }) => name === program);
  const entered = own.map(({ stub }) => (stub === undefined ? pins.program(id, program) : pins.stubProgram(stub.key)));
  const counters = new Map<number, Counted>();
  for (const pin of new Set(entered.length > 0 ? entered : [pins.program(id, program)])) {
    const stats = await kernel.programStats(pin);
    if (!stats) return undefined;
    counters.set(stats.id, stats);
  }
  return counters;
}
