import type { GivenVerdict } from './give-verdicts.ts';
import type { Truth } from './truth.ts';

/** How a verdict and a kernel came together. */
export type Comparison = 'right' | 'false-refusal' | 'false-loads' | 'uncertain' | 'uncertain-refused';

/** One program on one kernel. */
export interface ComparedProgram {
  object: string;
  /** `null`: the object as a whole. */
  program: string | null;
  comparison: Comparison;
  verdict: GivenVerdict;
  truth: Truth;
}

/** Verdicts beside truths; programs that only one side knows are left out, and counted by the caller. */
export function compareAll(verdicts: readonly GivenVerdict[], truths: readonly Truth[]): ComparedProgram[] {
  const byKey = new Map(verdicts.map((verdict) => [key(verdict.object, verdict.program), verdict]));
  return truths.flatMap((truth): ComparedProgram[] => {
    const verdict = byKey.get(key(truth.object, truth.program));
    if (verdict === undefined) return [];
    const { object, program } = truth;
    return [{ object, program, comparison: compare(verdict, truth), verdict, truth }];
  });
}

/** File names and program names hold no NUL. */
function key(object: string, program: string | null): string {
  return `${object}\0${program ?? ''}`;
}

function compare({ outcome }: GivenVerdict, { loaded }: Truth): Comparison {
  if (outcome === 'uncertain') return loaded ? 'uncertain' : 'uncertain-refused';
  if (outcome === 'loads') return loaded ? 'right' : 'false-loads';
  return loaded ? 'false-refusal' : 'right';
}

/** Counts of each. */
export function countComparisons(compared: readonly ComparedProgram[]): Record<Comparison | 'programs', number> {
  const counts = {
    programs: compared.length,
    right: 0,
    'false-refusal': 0,
    'false-loads': 0,
    uncertain: 0,
    'uncertain-refused': 0,
  };
  for (const { comparison } of compared) counts[comparison]++;
  return counts;
}
