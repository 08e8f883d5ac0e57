import { join } from 'node:path';
import type { BenchmarkContext } from '../benchmarks/benchmark.ts';
import { runProcess } from './run-process.ts';
import { type Series, summarize } from './statistics.ts';

const ROUNDS = 7;

/** Rounds of {@link measureFirst}, for the words about the method. */
export const FIRST_ROUNDS: number = ROUNDS;

/** Runs one of `bench/first/*.ts` in new processes, after one warm-up, and sums up the milliseconds that they print, by their names. */
export async function measureFirst(
  script: string,
  args: readonly string[],
  { signal, quick, say }: BenchmarkContext,
): Promise<Series[]> {
  const command = [process.execPath, join(import.meta.dirname, '..', 'first', script), ...args];
  const rounds = quick ? 1 : ROUNDS;
  const measured: Record<string, number>[] = [];
  for (let round = 0; round <= rounds; round++) {
    say(round === 0 ? 'in new processes: warm-up' : `in new processes: round ${round} of ${rounds}`);
    const { stdout } = await runProcess({ command, signal });
    if (round > 0) measured.push(JSON.parse(stdout) as Record<string, number>);
  }
  return Object.keys(measured[0] ?? {}).map((name) =>
    summarize(
      name,
      'ms',
      measured.map((run) => run[name] ?? Number.NaN),
    ),
  );
}
