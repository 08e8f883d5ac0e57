import type { Finding, Selection, Verdict } from './verdict.ts';

/** One row of the explanation table: a verdict, or one more finding of the verdict above it. */
export interface SelectionRow {
  /** Variant, with its architecture where several of that name stand in the index. Empty in the rows that follow its first. */
  readonly variant: string;
  /** `selected`, `candidate`, `uncertain` or `refused`. Empty in the rows that follow a variant's first. */
  readonly outcome: string;
  /** `unmet` or `unknown`; empty where there is no finding. */
  readonly finding: Finding['outcome'] | '';
  /** Code of the finding; empty where there is none. */
  readonly code: string;
  /** What is unmet or unknown, one sentence; empty where there is nothing to say. */
  readonly reason: string;
}

/** The explanation of a selection as rows: every variant in the author's order, with its outcome and each of its findings. */
export function selectionRows({ verdicts, candidates }: Selection): SelectionRow[] {
  const selected = candidates[0];
  return verdicts.flatMap((verdict) => verdictRows(verdict, verdict === selected, nameOf(verdict, verdicts)));
}

/**
 * The explanation of a selection as an aligned table, for people: every variant and every unmet requirement; unknown ones that follow each
 * other with the same code are counted, since where the right to probe is missing there are dozens. Lines are separated by `\n`; the last has none. Names and reasons come
 * from checked documents: they hold no control characters.
 */
export function explainSelection(selection: Selection): string {
  const rows = explanationRows(selection);
  // Not by spreading: there may be more rows than a call takes arguments.
  const widthOf = (column: 0 | 1): number => rows.reduce((width, row) => Math.max(width, row[column].length), 0);
  const [variantWidth, outcomeWidth] = [widthOf(0), widthOf(1)];
  return rows
    .map(([variant, outcome, reason]) => `${variant.padEnd(variantWidth)}  ${outcome.padEnd(outcomeWidth)}  ${reason}`)
    .map((text) => text.trimEnd())
    .join('\n');
}

/** The rows of {@link explainSelection}, its heading first, for who lays them out otherwise. */
export function explanationRows(selection: Selection): [variant: string, outcome: string, reason: string][] {
  const rows = countUnknown(selectionRows(selection));
  return [
    ['VARIANT', 'OUTCOME', 'REASON'],
    ...rows.map(({ variant, outcome, reason }): [string, string, string] => [variant, outcome, reason]),
  ];
}

/** Leaves the first of several unknown findings of one code, and says in it how many more there are. */
function countUnknown(rows: readonly SelectionRow[]): SelectionRow[] {
  const counted: { row: SelectionRow; more: number }[] = [];
  for (const row of rows) {
    const last = counted.at(-1);
    if (last && row.variant === '' && row.finding === 'unknown' && row.code === last.row.code) last.more++;
    else counted.push({ row, more: 0 });
  }
  return counted.map(({ row, more }) =>
    more === 0 ? row : { ...row, reason: `${row.reason}, and ${more} more of the kind` },
  );
}

function verdictRows(verdict: Verdict, selected: boolean, variant: string): SelectionRow[] {
  const outcome = selected ? 'selected' : verdict.outcome === 'loads' ? 'candidate' : verdict.outcome;
  const [first, ...others] = verdict.findings;
  return [
    { variant, outcome, ...describe(first) },
    ...others.map((finding) => ({ variant: '', outcome: '', ...describe(finding) })),
  ];
}

function describe(finding: Finding | undefined): Pick<SelectionRow, 'finding' | 'code' | 'reason'> {
  if (!finding) return { finding: '', code: '', reason: 'every requirement is met' };
  return { finding: finding.outcome, code: finding.code, reason: explainFinding(finding) };
}

/** A finding as one sentence, with the mainline version that brought what is missing. */
export function explainFinding({ outcome, reason, since }: Finding): string {
  const version = since === undefined ? '' : ` (mainline has it since ${since})`;
  return `${outcome === 'unknown' ? 'not known: ' : ''}${reason}${version}`;
}

/** Variants of one name differ by platform; then the platform belongs to the name. */
function nameOf(verdict: Verdict, verdicts: readonly Verdict[]): string {
  const alone = verdicts.filter(({ variant }) => variant === verdict.variant).length === 1;
  return alone || verdict.architecture === undefined ? verdict.variant : `${verdict.variant}/${verdict.architecture}`;
}
