import type { BtfTable, NearKernels, SupplementedKernel } from '@bpfship/media-types';
import { lookUp } from '../answer.ts';
import type { KernelFacts } from '../facts.ts';

/** The kernel entry that fits a node. */
export interface ChosenSupplement {
  /** Position of the table in the list. */
  table: number;
  kernel: SupplementedKernel;
  /** `exact`: this very kernel; `near`: one that the author declares equal, and whose options agree. */
  match: 'exact' | 'near';
}

/**
 * Finds the minimal BTF for a node in the tables of a package's supplements (spec/btf-supplements.md, "Choice"): the entry of this very build,
 * then that of its release, then one that is declared near and whose options the node's kernel has. Never a guess: undefined where none fits,
 * where two of the same rank name different BTF, and for a kernel that has BTF of its own.
 */
export function chooseSupplement(tables: readonly BtfTable[], facts: KernelFacts): ChosenSupplement | undefined {
  if (facts.btf.available) return undefined;
  const entries = tables.flatMap(({ kernels }, table) => kernels.map((kernel) => ({ table, kernel })));
  const own = entries.filter(({ kernel }) => kernel.architecture === facts.architecture);
  const ofRelease = own.filter(({ kernel }) => kernel.release === facts.release);
  const ofBuild = ofRelease.filter(({ kernel }) => kernel.version !== undefined && kernel.version === facts.version);
  if (ofBuild.length > 0) return only(ofBuild, 'exact');
  const ofAnyBuild = ofRelease.filter(({ kernel }) => kernel.version === undefined);
  if (ofAnyBuild.length > 0) return only(ofAnyBuild, 'exact');
  return only(
    own.filter(({ kernel: { near } }) => near !== undefined && isNear(near, facts)),
    'near',
  );
}

/** The one entry; undefined where several disagree. */
function only(
  entries: readonly { table: number; kernel: SupplementedKernel }[],
  match: ChosenSupplement['match'],
): ChosenSupplement | undefined {
  const [first] = entries;
  if (first === undefined || entries.some(({ kernel }) => kernel.btf !== first.kernel.btf)) return undefined;
  return { ...first, match };
}

function isNear({ release, kconfig }: NearKernels, facts: KernelFacts): boolean {
  if (!matchesPattern(release, facts.release)) return false;
  // Options that cannot be read are options that are not checked.
  return Object.entries(kconfig).every(([name, value]) => lookUp(facts.kconfig, name) === value);
}

/** `*` stands for any characters. In one pass, whatever the pattern is. */
function matchesPattern(pattern: string, text: string): boolean {
  const [head = '', ...parts] = pattern.split('*');
  if (parts.length === 0) return pattern === text;
  const tail = parts.pop() ?? '';
  if (!text.startsWith(head) || !text.endsWith(tail) || text.length < head.length + tail.length) return false;
  let at = head.length;
  for (const part of parts) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at <= text.length - tail.length;
}
