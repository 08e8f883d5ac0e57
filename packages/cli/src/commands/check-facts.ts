import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type BtfIndex, DocumentError, type Evidence, type ParameterValue } from '@bpfship/media-types';
import {
  type AttachTargets,
  decide,
  explainFinding,
  type Finding,
  type KernelFacts,
  type KernelTypes,
  openKernelTypes,
  parseKernelFacts,
  type ProgramVerdict,
  type Selection,
} from '@bpfship/portability';
import { CliError } from '../cli-error.ts';
import { fileError, readTextFile } from '../files.ts';
import { readFactsFor } from '../node-info.ts';
import { table } from '../terminal/table.ts';

/** A kernel, and what is selected for it. */
export interface Checked {
  /** File of the facts; absent for this node. */
  facts?: string;
  kernel: string;
  selection: Selection;
}

/** What to decide with. */
export interface CheckInput {
  /** Files with kernel facts; none = this node. */
  files: readonly string[];
  /** File with BTF of the kernel. */
  btf?: string | undefined;
  evidence: readonly Evidence[];
  /** Where its programs are to attach. */
  attachTargets: AttachTargets;
  /** Load parameters, checked. */
  parameters: Readonly<Record<string, ParameterValue>>;
  /** Finds BTF for a kernel that has none, as a node does. Default: there is none. */
  supplement?: (facts: KernelFacts) => Promise<Uint8Array | undefined>;
}

/** Decides for this node, or one after the other for the kernels whose facts are in files. */
export async function* checkOn(
  index: BtfIndex,
  { files, btf, evidence, attachTargets, parameters, supplement }: CheckInput,
): AsyncGenerator<Checked> {
  const given = btf === undefined ? undefined : await readBtf(btf);
  const about = { evidence, attachTargets, parameters };
  const relocates = index.variants.some(({ types }) => types !== undefined);
  const supplementFor = async (facts: KernelFacts): Promise<Uint8Array | undefined> =>
    relocates && !facts.btf.available ? supplement?.(facts) : undefined;
  for (const file of await factsFiles(files)) {
    const facts = await readFacts(file);
    const types = given ?? (await supplementFor(facts));
    const selection = decide({ index, facts, ...about, ...(types ? { btf: types } : {}) });
    yield { facts: file, kernel: facts.release, selection };
  }
  if (files.length > 0) return;
  const { facts, btf: own, modules } = await readFactsFor(index);
  const types = given ?? own ?? (await supplementFor(facts));
  const here = { index, facts, ...about, modules };
  yield { kernel: facts.release, selection: decide({ ...here, ...(types ? { btf: types } : {}) }) };
}

async function readFacts(file: string): Promise<KernelFacts> {
  const text = await readTextFile(file);
  try {
    return parseKernelFacts(text);
  } catch (cause) {
    if (!(cause instanceof DocumentError)) throw cause;
    throw new CliError(
      'ERR_CLI_FACTS',
      `${file}: ${cause.message}`,
      'Export it again on its node: bpfship facts --output FILE',
      { cause },
    );
  }
}

/** The files themselves, and of folders all that end in `.json`, by name. */
async function factsFiles(paths: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths) {
    const isFolder = await stat(path).then(
      (found) => found.isDirectory(),
      () => false,
    );
    const names = isFolder ? (await readdir(path)).filter((name) => name.endsWith('.json')) : [];
    if (isFolder) files.push(...names.sort((a, b) => (a < b ? -1 : 1)).map((name) => join(path, name)));
    else files.push(path);
  }
  if (files.length === 0 && paths.length > 0) {
    throw new CliError(
      'ERR_CLI_USAGE',
      `no .json file is in ${paths.join(', ')}`,
      'Export facts into it: bpfship facts --output node7.json',
    );
  }
  return files;
}

async function readBtf(path: string): Promise<KernelTypes> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw fileError(error, path, 'read');
  });
  return openKernelTypes(bytes);
}

/** The programs of an object, each with all that is unmet or unknown, as a table. */
export function programTable(programs: readonly ProgramVerdict[], width?: number): string {
  const rows = programs.flatMap(({ name, loads, fires, findings }) => {
    const [first, ...others] = sentences(findings);
    return [[name, loads, fires, first ?? 'every requirement is met'], ...others.map((reason) => ['', '', '', reason])];
  });
  return table([['PROGRAM', 'LOADS', 'RUNS', 'REASON'], ...rows], width);
}

/** All that is unmet; where nothing is, what is unknown, of each kind the first. */
function sentences(findings: readonly Finding[]): string[] {
  const unmet = findings.filter(({ outcome }) => outcome === 'unmet');
  if (unmet.length > 0) return unmet.map(explainFinding);
  return [...Map.groupBy(findings, ({ code }) => code).values()].flatMap(([first, ...more]) => {
    if (first === undefined) return [];
    return more.length === 0
      ? [explainFinding(first)]
      : [`${explainFinding(first)}, and ${more.length} more of the kind`];
  });
}

/** Kernels and what is selected for each, as a table, and how many there are of each outcome. */
export function fleetTable(checked: readonly Checked[], width?: number): string {
  const counts = new Map<string, number>();
  const rows = checked.map(({ facts = 'this node', kernel, selection: { candidates, verdicts } }) => {
    const selected = candidates[0];
    const [finding] = (selected ?? verdicts[0])?.findings ?? [];
    const outcome = selected?.outcome ?? 'refused';
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    const reason = finding === undefined ? 'every requirement is met' : explainFinding(finding);
    return [facts, kernel, selected?.variant ?? 'none', outcome, reason];
  });
  const summary = ['loads', 'uncertain', 'refused']
    .map((outcome) => `${counts.get(outcome) ?? 0} ${outcome}`)
    .join(', ');
  const kernels = checked.length === 1 ? '1 kernel' : `${checked.length} kernels`;
  return [
    table([['FACTS', 'KERNEL', 'SELECTED', 'OUTCOME', 'REASON'], ...rows], width),
    '',
    `${kernels}: ${summary}`,
  ].join('\n');
}
