import { compare, compute } from '@bpfship/bpf-object/resolving';
import type { GuardBranch, GuardCondition, GuardGraph, GuardOperand, GuardValue } from '@bpfship/media-types';
import type { KernelAddress, KernelValue } from './kernel-values.ts';

/** Which positions of the requirements a kernel's verifier comes to. */
export interface Reached {
  /** It certainly comes there. */
  certain: ReadonlySet<number>;
  /** It may come there; {@link certain} is part of it. */
  possible: ReadonlySet<number>;
}

/** What a decision comes to: one way, both (the verifier itself does not know), or not known on this node. */
type Decision = boolean | 'both' | 'unknown';

/** What a graph is followed with. */
export interface FollowOptions {
  valueOf: (value: GuardValue) => KernelValue;
  /** Whether the verifier takes a comparison of a typed variable's address with 0 as decided; undefined = not known. */
  knowsAddresses: boolean | undefined;
}

/** Follows a program's guard graph on one kernel (spec/guards.md, "Following a graph"). */
export function followGraph(graph: GuardGraph, options: FollowOptions): Reached {
  const values = evaluateAll(graph.values, options);
  const decisions = new Map<GuardBranch, Decision>();
  const decide = (branch: GuardBranch): Decision => {
    const known = decisions.get(branch) ?? decideCondition(branch.if, values, options);
    decisions.set(branch, known);
    return known;
  };
  const possible = walk(graph, (branch) => waysOf(branch, decide(branch), true));
  if (graph.approximate) return { certain: new Set(), possible };
  return { certain: walk(graph, (branch) => waysOf(branch, decide(branch), false)), possible };
}

function waysOf({ holds, fails }: GuardBranch, decision: Decision, optimistic: boolean): (number | undefined)[] {
  if (decision === 'both' || (decision === 'unknown' && optimistic)) return [holds, fails];
  if (decision === 'unknown') return [];
  return [decision ? holds : fails];
}

function walk({ nodes }: GuardGraph, next: (branch: GuardBranch) => (number | undefined)[]): Set<number> {
  const reached = new Set<number>();
  const seen = new Set<number>([0]);
  const open = [0];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const node = nodes[at];
    if (node === undefined) continue;
    for (const position of node.reaches) reached.add(position);
    for (const target of node.branches.flatMap(next)) {
      if (target === undefined || seen.has(target)) continue;
      seen.add(target);
      open.push(target);
    }
  }
  return reached;
}

function decideCondition(
  { op, args: [left, right] }: GuardCondition,
  values: readonly KernelValue[],
  options: FollowOptions,
): Decision {
  const [a, b] = [values[left], values[right]];
  if (typeof a === 'bigint' && typeof b === 'bigint') return compare(op, a, b) ?? 'unknown';
  const [address, other] = typeof a === 'object' ? [a, b] : [b, a];
  if (typeof address !== 'object' || other !== 0n) return 'unknown';
  return decideNull(op, address, options.knowsAddresses);
}

/** An address that is there is not 0; whether the verifier knows that depends on what it points to. */
function decideNull(op: string, { address }: KernelAddress, knowsAddresses: boolean | undefined): Decision {
  if (address === 'variable' && knowsAddresses !== true) return knowsAddresses === false ? 'both' : 'unknown';
  if (op === 'jeq64') return false;
  return op === 'jne64' ? true : 'unknown';
}

/** All values of a graph, in its order: each needs only earlier ones. */
function evaluateAll(operands: readonly GuardOperand[], { valueOf }: FollowOptions): KernelValue[] {
  const values: KernelValue[] = [];
  for (const operand of operands) values.push(evaluate(operand, values, valueOf));
  return values;
}

function evaluate(
  operand: GuardOperand,
  values: readonly KernelValue[],
  valueOf: FollowOptions['valueOf'],
): KernelValue {
  if (typeof operand !== 'object') return BigInt(operand);
  if (!('op' in operand)) return valueOf(operand);
  const [a, b = 0n] = operand.args.map((position) => values[position]);
  return typeof a === 'bigint' && typeof b === 'bigint' && operand.args.every((at) => typeof values[at] === 'bigint')
    ? compute(operand.op, a, b)
    : undefined;
}
