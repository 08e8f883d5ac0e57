import { readFileSync } from 'node:fs';
import { parseBtf, type Btf, type CoreLoader, type CoreModule } from '../../src/index.ts';
import { buildCoreDriver, runCoreDriver, type CoreCase, type CoreDecision } from './core-driver.ts';
import { decideFromIndex, decideFromObject, type CoreTarget } from './core-ours.ts';

/** What a comparison saw. */
export interface Comparison {
  /** Decisions of libbpf that ours were held against, from the object. */
  decisions: number;
  /** The same, from the index alone. */
  fromIndex: number;
  /** By word: `value`, `poison`, `error`. */
  outcomes: Map<string, number>;
  /** Relocations after whose decision fewer candidates were left than before. */
  pruned: number;
  /** Those of them that were decided from the index too; a later decision about the type goes by what was left. */
  prunedFromIndex: number;
  /** Relocations whose candidates modules hold. */
  inModules: number;
  /** Objects that libbpf does not open. */
  refused: string[];
  differences: string[];
}

/** Options of {@link compareWithLibbpf}. */
export interface CompareOptions {
  loader: CoreLoader;
  /** Decide as on a big-endian machine. Default false. */
  bigEndian?: boolean;
}

/** Holds our decisions about every case against libbpf's. */
export function compareWithLibbpf(cases: readonly CoreCase[], options: CompareOptions): Comparison {
  const { loader } = options;
  const expected = runCoreDriver(buildCoreDriver(loader, options.bigEndian), cases);
  const seen: Comparison = {
    decisions: 0,
    fromIndex: 0,
    outcomes: new Map(),
    pruned: 0,
    prunedFromIndex: 0,
    inModules: 0,
    refused: [],
    differences: [],
  };
  let opened: { of: string; target: CoreTarget } | undefined;
  for (const [index, item] of cases.entries()) {
    const theirs = expected[index];
    if (theirs === undefined || theirs === 'refused') {
      seen.refused.push(item.object);
      continue;
    }
    const of = [item.kernel, ...(item.modules ?? [])].join(' ');
    if (opened?.of !== of) opened = { of, target: openTarget(item) };
    const bytes = new Uint8Array(readFileSync(item.object));
    count(seen, theirs);
    const note = (where: string) => (text: string) => {
      seen.differences.push(`${item.object} on ${item.kernel} (${loader}, ${where}): ${text}`);
    };
    compareObject(theirs, decideFromObject(bytes, opened.target, loader), note('object'));
    seen.decisions += theirs.size;
    const fromIndex = compareIndex(theirs, decideFromIndex(bytes, opened.target, loader), note('index'));
    seen.fromIndex += fromIndex.length;
    seen.prunedFromIndex += fromIndex.filter(isPruned).length;
  }
  return seen;
}

function openTarget({ kernel, modules = [] }: CoreCase): CoreTarget {
  const base: Btf = parseBtf(new Uint8Array(readFileSync(kernel)));
  const opened = modules.map((path): CoreModule => ({
    name: path,
    btf: parseBtf(new Uint8Array(readFileSync(path)), { base }),
  }));
  return { kernel: base, modules: opened };
}

function count(seen: Comparison, decisions: ReadonlyMap<string, CoreDecision>): void {
  for (const { action, candidates, left } of decisions.values()) {
    const word = /^\d/.test(action) ? 'value' : action;
    seen.outcomes.set(word, (seen.outcomes.get(word) ?? 0) + 1);
    if (isPruned({ left, candidates })) seen.pruned++;
    if (candidates.some((id) => id.includes(':'))) seen.inModules++;
  }
}

function isPruned({ left, candidates }: Pick<CoreDecision, 'left' | 'candidates'>): boolean {
  return left !== undefined && left.length < candidates.length;
}

function compareObject(
  theirs: ReadonlyMap<string, CoreDecision>,
  ours: ReadonlyMap<string, CoreDecision>,
  note: (text: string) => void,
): void {
  for (const key of new Set([...theirs.keys(), ...ours.keys()])) {
    const a = theirs.get(key);
    const b = ours.get(key);
    // Where a relocation fails, ours stops at the candidate that made it fail.
    const failed = a?.action === 'error' && b?.action === 'error';
    if (!failed && describe(a) !== describe(b)) note(`${key}: libbpf ${describe(a)}, ours ${describe(b)}`);
  }
}

/** The index does not stop at the first error, and does not hold what no program reaches or what asks nothing of a kernel. */
function compareIndex(
  theirs: ReadonlyMap<string, CoreDecision>,
  ours: ReadonlyMap<string, CoreDecision>,
  note: (text: string) => void,
): CoreDecision[] {
  const compared: CoreDecision[] = [];
  for (const [key, decision] of theirs) {
    const own = ours.get(key);
    if (own === undefined) continue;
    compared.push(decision);
    if (own.action !== decision.action) note(`${key}: libbpf ${decision.action}, ours ${own.action}`);
  }
  return compared;
}

function describe(decision: CoreDecision | undefined): string {
  if (decision === undefined) return 'nothing';
  return `${decision.action} of ${decision.candidates.join(',')} leaving ${decision.left?.join(',') ?? '-'}`;
}
