import { join } from 'node:path';
import type { BenchmarkContext } from '../benchmarks/benchmark.ts';
import { runProcess } from './run-process.ts';
import { type Series, summarize } from './statistics.ts';

const ROUNDS = 7;

/** Rounds of {@link measureFirst}, for the words about the method. */
export const FIRST_ROUNDS: number = ROUNDS;

/** Runs one of the scripts of `bench/first/` in new processes, after one warm-up, and sums up the milliseconds that they print, by name. */
export async function measureFirst(
  script: string,
  args: readonly string[],
  context: BenchmarkContext,
): Promise<Series[]> {
  const [series = []] = await measureInTurn([firstCommand(script, args)], context);
  return series;
}

/** How to run one of the scripts of `bench/first/`. */
export function firstCommand(script: string, args: readonly string[] = []): string[] {
  return [process.execPath, join(import.meta.dirname, '..', 'first', script), ...args];
}

/**
 * Like {@link measureFirst} for several programs, which run in turn, so that what disturbs one disturbs the others. What they print are
 * milliseconds, or MiB where the name says so.
 */
export async function measureInTurn(
  commands: readonly (readonly string[])[],
  { signal, quick, say }: BenchmarkContext,
): Promise<Series[][]> {
  const rounds = quick ? 1 : ROUNDS;
  const measured = commands.map((): Record<string, number>[] => []);
  for (let round = 0; round <= rounds; round++) {
    say(round === 0 ? 'in new processes: warm-up' : `in new processes: round ${round} of ${rounds}`);
    for (const [index, command] of commands.entries()) {
      const { stdout } = await runProcess({ command, signal });
      if (round > 0) measured[index]?.push(JSON.parse(stdout) as Record<string, number>);
    }
  }
  return measured.map((runs) => Object.keys(runs[0] ?? {}).map((name) => sumUp(name, runs)));
}

function sumUp(name: string, runs: readonly Record<string, number>[]): Series {
  return summarize(
    name,
    name.endsWith('(MiB)') ? 'MiB' : 'ms',
    runs.map((run) => run[name] ?? Number.NaN),
  );
}
