import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Cause, classify, telling } from './classify.ts';
import { type ComparedProgram, type Comparison, countComparisons } from './compare.ts';

/** One kernel and one set of objects. */
export interface KernelResult {
  kernel: string;
  release: string;
  /** e.g. `real`, `idioms`. */
  set: string;
  compared: readonly ComparedProgram[];
}

/** One line of the results. */
interface Disagreement {
  kernel: string;
  set: string;
  object: string;
  program: string | null;
  section: string;
  comparison: Comparison;
  cause?: Cause;
  findings: { code: string; reason: string }[];
  errno: number;
  log: string;
}

/** Writes results.json and results.md. @returns the markdown. */
export function writeResults(folder: string, results: readonly KernelResult[], notes: readonly string[]): string {
  mkdirSync(folder, { recursive: true });
  const disagreements = results.flatMap((result) => listDisagreements(result, results));
  const summary = results.map(({ kernel, release, set, compared }) => ({
    kernel,
    release,
    set,
    objects: new Set(compared.map(({ object }) => object)).size,
    ...countComparisons(compared),
    // Said, not measured: an LSM program of a kernel without the BPF LSM, a kprobe on a function that is not there.
    neverFires: compared.filter(({ truth, verdict }) => truth.loaded && verdict.fires === 'no').length,
    causes: countCauses(disagreements.filter((one) => one.kernel === kernel && one.set === set)),
  }));
  writeFileSync(join(folder, 'results.json'), `${JSON.stringify({ summary, notes, disagreements }, null, 1)}\n`);
  const markdown = render(summary, notes, disagreements);
  writeFileSync(join(folder, 'results.md'), markdown);
  return markdown;
}

function listDisagreements({ kernel, set, compared }: KernelResult, all: readonly KernelResult[]): Disagreement[] {
  return compared
    .filter(({ comparison }) => comparison !== 'right')
    .map((one): Disagreement => {
      const { object, program, comparison, verdict, truth } = one;
      const { section, errno } = truth;
      const cause = comparison === 'false-loads' ? { cause: classify(one, truthsOf(one, set, all)) } : {};
      const log = telling(truth.log);
      return { kernel, set, object, program, section, comparison, ...cause, findings: verdict.findings, errno, log };
    });
}

function truthsOf(
  { object, program }: ComparedProgram,
  set: string,
  all: readonly KernelResult[],
): ComparedProgram['truth'][] {
  return all
    .filter((result) => result.set === set)
    .flatMap(({ compared }) => compared.filter((other) => other.object === object && other.program === program))
    .map(({ truth }) => truth);
}

function countCauses(disagreements: readonly Disagreement[]): Partial<Record<Cause, number>> {
  const counts: Partial<Record<Cause, number>> = {};
  for (const { cause } of disagreements) if (cause !== undefined) counts[cause] = (counts[cause] ?? 0) + 1;
  return counts;
}

type Summary = {
  kernel: string;
  release: string;
  set: string;
  objects: number;
  neverFires: number;
  causes: Partial<Record<Cause, number>>;
} & ReturnType<typeof countComparisons>;

function share(part: number, whole: number): string {
  return `${((100 * part) / Math.max(1, whole)).toFixed(2)} %`;
}

function render(summary: readonly Summary[], notes: readonly string[], disagreements: readonly Disagreement[]): string {
  const rows = summary.map((one) => {
    const uncertain = one.uncertain + one['uncertain-refused'];
    const decided = one.programs - uncertain;
    const cells = [
      `${one.kernel} (${one.release})`,
      one.set,
      one.objects,
      one.programs,
      share(one.right, decided),
      one['false-refusal'],
      one['false-loads'],
      share(uncertain, one.programs),
      one.neverFires,
      Object.entries(one.causes)
        .map(([cause, count]) => `${cause} ${count}`)
        .join(', '),
    ];
    return `| ${cells.join(' | ')} |`;
  });
  const lines = disagreements.map((one) => {
    const said = one.findings.map(({ code, reason }) => `${code}: ${reason}`).join('; ') || 'loads';
    const what = `${one.comparison}${one.cause === undefined ? '' : ` (${one.cause})`}`;
    return `- ${one.kernel} ${what}: \`${one.object}\` ${one.program ?? 'as a whole'} [${one.section}]\n  said: ${said}\n  kernel: errno ${one.errno} ${one.log}`;
  });
  return [
    '# Verdicts beside real kernels',
    '',
    '| kernel | set | objects | programs | right of the decided | false refusals | false loads | uncertain | loads, but never fires | causes of false loads |',
    '|---|---|---|---|---|---|---|---|---|---|',
    ...rows,
    '',
    ...notes.map((note) => `- ${note}`),
    '',
    '## Every disagreement',
    '',
    ...lines,
    '',
  ].join('\n');
}
