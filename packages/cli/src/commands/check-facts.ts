import { readFile } from 'node:fs/promises';
import type { BtfIndex, Evidence } from '@bpfship/media-types';
import {
  type AttachTargets,
  decide,
  type KernelFacts,
  type KernelTypes,
  openKernelTypes,
  parseKernelFacts,
  type ProgramVerdict,
  type Selection,
} from '@bpfship/portability';
import { fileError, readTextFile } from '../files.ts';
import { readFactsFor } from '../node-info.ts';

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
  /** Finds BTF for a kernel that has none, as a node does. Default: there is none. */
  supplement?: (facts: KernelFacts) => Promise<Uint8Array | undefined>;
}

/** Decides for this node, or one after the other for the kernels whose facts are in files. */
export async function* checkOn(
  index: BtfIndex,
  { files, btf, evidence, attachTargets, supplement }: CheckInput,
): AsyncGenerator<Checked> {
  const given = btf === undefined ? undefined : await readBtf(btf);
  const relocates = index.variants.some(({ types }) => types !== undefined);
  const supplementFor = async (facts: KernelFacts): Promise<Uint8Array | undefined> =>
    relocates && !facts.btf.available ? supplement?.(facts) : undefined;
  for (const file of files) {
    const facts = parseKernelFacts(await readTextFile(file));
    const types = given ?? (await supplementFor(facts));
    const selection = decide({ index, facts, evidence, attachTargets, ...(types ? { btf: types } : {}) });
    yield { facts: file, kernel: facts.release, selection };
  }
  if (files.length > 0) return;
  const { facts, btf: own, modules } = await readFactsFor(index);
  const types = given ?? own ?? (await supplementFor(facts));
  const here = { index, facts, evidence, attachTargets, modules };
  yield { kernel: facts.release, selection: decide({ ...here, ...(types ? { btf: types } : {}) }) };
}

async function readBtf(path: string): Promise<KernelTypes> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw fileError(error, path, 'read');
  });
  return openKernelTypes(bytes);
}

/** The programs of the selected or only variant, as a table. */
export function programTable(programs: readonly ProgramVerdict[]): string {
  const rows = programs.map(({ name, loads, fires, findings }) => [
    name,
    loads,
    fires,
    findings[0] === undefined ? '' : findings[0].reason,
  ]);
  return table([['PROGRAM', 'LOADS', 'RUNS', 'REASON'], ...rows]);
}

/** Kernels and what is selected for each, as a table. */
export function fleetTable(checked: readonly Checked[]): string {
  const rows = checked.map(({ facts = 'this node', kernel, selection: { candidates, verdicts } }) => {
    const selected = candidates[0];
    const [finding] = (selected ?? verdicts[0])?.findings ?? [];
    const outcome = selected === undefined ? 'none' : selected.variant;
    return [kernel, outcome, selected?.outcome ?? 'refused', finding?.reason ?? '', facts];
  });
  return table([['KERNEL', 'SELECTED', 'OUTCOME', 'REASON', 'FACTS'], ...rows]);
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
