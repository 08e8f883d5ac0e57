import { randomFrom } from './mutate.ts';
import type { Seeds } from './seeds.ts';
import { createTargets } from './targets.ts';

/** What to run. */
export interface FuzzOptions {
  seeds: Seeds;
  seed: number;
  iterations: number;
  /** Name of the only target. Default: all in turn. */
  target?: string;
  /** Called about once a second with the case that comes next. */
  progress?: (at: string) => void;
}

/** Longest that one case may take, in milliseconds. */
const MAX_CASE_MS = 5000;

/**
 * Runs cases one after the other.
 *
 * @returns how often each outcome came, by target and code.
 * @throws the defect, with the case in its message: an error that is not typed, or a case that takes too long.
 */
export function fuzz({ seeds, seed, iterations, target, progress }: FuzzOptions): Record<string, number> {
  const targets = createTargets(seeds).filter(({ name }) => target === undefined || name === target);
  const outcomes: Record<string, number> = {};
  let told = performance.now();
  for (let i = 0; i < iterations; i++) {
    const { name, run } = targets[i % targets.length] ?? raise(`there is no target ${target}`);
    const at = `${name}, seed ${seed}, case ${i}`;
    const begin = performance.now();
    if (begin - told > 1000) {
      progress?.(at);
      told = begin;
    }
    try {
      const key = `${name} ${run(randomFrom(seed * 0x9e3779b1 + i))}`;
      outcomes[key] = (outcomes[key] ?? 0) + 1;
    } catch (cause) {
      throw new Error(`${at}: ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}`, { cause });
    }
    const took = performance.now() - begin;
    if (took > MAX_CASE_MS) raise(`${at} took ${Math.round(took)} ms`);
  }
  return outcomes;
}

function raise(message: string): never {
  throw new Error(message);
}
