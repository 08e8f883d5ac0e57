import type { ReducedNode } from '../guards/reduce.ts';
import type { BpfProgram } from '../object/bpf-object.ts';
import { CLASS, CODE_CALL, CODE_LOAD_IMM64, type Instruction } from '../object/instruction.ts';
import type { Literal } from './access-state.ts';
import { type FollowOptions, followAccesses, type RefusedAccess } from './follow-accesses.ts';
import { SIZED_MEMORY } from './helper-memory.ts';

/** Program types whose programs read packets. */
const PACKET_TYPES = new Set(['xdp', 'sched_cls', 'sched_act']);

/**
 * The accesses of a program that no verifier takes: none, one that fails on every kernel (`ways` holds an empty one), or several that fail where
 * the kernel's values lead to them.
 */
export function findRefusedAccesses(options: FollowOptions): RefusedAccess[] {
  if (!isWorthFollowing(options.program)) return [];
  const found = followAccesses(options).map((access) => ({ ...access, ways: simplify(access.ways) }));
  const certain = found.find(({ ways }) => ways.some((way) => way.length === 0));
  return certain ? [{ ...certain, ways: [[]] }] : found;
}

/** Whether there is any access whose place or size is no constant. Everything else compilers check themselves. */
function isWorthFollowing({ attachment, functions }: BpfProgram): boolean {
  if (PACKET_TYPES.has(attachment.type)) return true;
  return functions.some(({ instructions, references }) =>
    instructions.some(
      (instruction, at) =>
        addsRegisters(instruction) ||
        joinsAddress(instructions, instruction, at) ||
        (!references.has(at) && takesSize(instructions, instruction, at)),
    ),
  );
}

/** `r += s` or `r -= s` in 64 bits: the only way to a place that is no constant. */
function addsRegisters({ code }: Instruction): boolean {
  return code === 0x0f || code === 0x1f;
}

/** `r |= s` of an address on the stack or of a global variable, which compilers write where both have no bit in common. */
function joinsAddress(instructions: readonly Instruction[], { code, destination }: Instruction, at: number): boolean {
  if (code !== 0x4f) return false;
  for (let before = at - 1; before >= Math.max(0, at - 8); before--) {
    const instruction = instructions[before];
    if (instruction?.destination !== destination || instruction.code === 0x07) continue;
    return instruction.code === CODE_LOAD_IMM64 || (instruction.code === 0xbf && instruction.source === FRAME_POINTER);
  }
  return false;
}

const FRAME_POINTER = 10;

/** A helper with a size that is not set to a constant right before. */
function takesSize(instructions: readonly Instruction[], { code, immediate }: Instruction, at: number): boolean {
  if (code !== CODE_CALL) return false;
  return (SIZED_MEMORY.get(immediate) ?? []).some(({ size }) => {
    for (let before = at - 1; before >= Math.max(0, at - 12); before--) {
      const instruction = instructions[before];
      const kind = (instruction?.code ?? 0) & 7;
      if (kind === CLASS.jmp || kind === CLASS.jmp32) return true;
      if (instruction?.destination !== size || kind === CLASS.st || kind === CLASS.stx) continue;
      // A constant.
      return (instruction.code & 0xf8) !== 0xb0;
    }
    return true;
  });
}

const MAX_WAYS = 64;

/** Unites ways that differ in one decision alone: it does not matter how the kernel takes it. */
function simplify(given: readonly (readonly Literal[])[]): (readonly Literal[])[] {
  let ways = given.slice(0, MAX_WAYS);
  for (let changed = true; changed;) {
    changed = false;
    for (const [index, way] of ways.entries()) {
      const united = ways
        .slice(index + 1)
        .map((other) => unite(way, other))
        .find((each) => each !== undefined);
      if (united === undefined) continue;
      ways = [united, ...ways.filter((each) => !covers(united, each))];
      changed = true;
      break;
    }
  }
  return ways;
}

/** Whether everything that satisfies `way` satisfies `by`. */
function covers(by: readonly Literal[], way: readonly Literal[]): boolean {
  return by.every((literal) => way.some(({ key, holds }) => key === literal.key && holds === literal.holds));
}

function unite(a: readonly Literal[], b: readonly Literal[]): readonly Literal[] | undefined {
  const opposed = a.filter(({ key, holds }) => b.some((other) => other.key === key && other.holds !== holds));
  const [decision] = opposed;
  if (decision === undefined || opposed.length !== 1) return undefined;
  const [left, right] = [a, b].map((way) => way.filter(({ key }) => key !== decision.key));
  // The same without the decision, or one that asks less.
  if (left === undefined || right === undefined) return undefined;
  return covers(left, right) && covers(right, left) ? left : undefined;
}

/** Adds the ways to refused accesses to a reduced graph; `siteOf` gives the access' position among the graph's sites. */
export function addWays(
  nodes: readonly ReducedNode[],
  accesses: readonly RefusedAccess[],
  siteOf: (access: RefusedAccess) => number,
): ReducedNode[] {
  const [root = { sites: [], branches: [] }, ...rest] = nodes;
  const start: ReducedNode = { sites: root.sites, branches: [...root.branches] };
  const grown = [start, ...rest];
  for (const access of accesses) {
    for (const way of access.ways) {
      let node = start;
      for (const { op, args, holds } of way) {
        const next: ReducedNode = { sites: [], branches: [] };
        const position = grown.push(next) - 1;
        node.branches.push({ op, args, ...(holds ? { holds: position } : { fails: position }) });
        node = next;
      }
      if (node !== start) node.sites.push(siteOf(access));
    }
  }
  return grown;
}
