import type { BpfObject, BpfProgram } from '../object/bpf-object.ts';
import type { Exploration, Site } from './exploration.ts';
import { Effort, explore, type ExploreOptions } from './explore.ts';
import { reduceGraph, type ReducedNode } from './reduce.ts';
import { known, variable, type Value, type Variable } from './value.ts';

/** Which sites of a program count on every kernel, and which only on some. */
export interface ProgramGuards {
  sites: readonly Site[];
  /** The first node's sites count on every kernel. */
  nodes: readonly ReducedNode[];
  approximate: boolean;
}

/** The load parameters of a program: name → place in read-only data. */
export type Parameters = NonNullable<ExploreOptions['parameters']>;

/** What to find guards in. */
export interface GuardOptions {
  object: BpfObject;
  program: BpfProgram;
  /** Default: none. */
  parameters?: Parameters;
  /** Shared by the programs of an object. Default: its own. */
  effort?: Effort;
  /** What further counts only where it is reached. Default: nothing. */
  sites?: NonNullable<ExploreOptions['sites']>;
  /** Joins paths at once. Default false. */
  joined?: boolean;
}

/**
 * Explores and reduces. Verifiers differ in what they can follow; few programs depend on it. So the program is explored for the ablest and
 * for the least able verifier, and an ability becomes a decision of the graph only where it makes a difference.
 *
 * @returns undefined where the program cannot be followed.
 */
export function findProgramGuards(given: GuardOptions): ProgramGuards | undefined {
  const options = { effort: new Effort(), ...given };
  const asked = new Set<string>();
  const able = exploreFor(options, () => known(1n), asked);
  if (able === undefined || asked.size === 0) return able;
  // The least able verifier comes to all that any other comes to: where paths must be joined for another, they must for it.
  const unable = exploreFor({ ...options, joined: able.approximate }, () => known(0n));
  if (able.approximate || unable?.approximate) return unable;
  if (unable && graphKey(able) === graphKey(unable)) return able;
  const decisive = new Set([...asked].filter((name) => isDecisive(options, name, able, unable)));
  return exploreFor(options, (name) => (decisive.has(name) ? undefined : known(1n))) ?? able;
}

/** Whether a single ability changes what is reached, for the ablest or the least able verifier. */
function isDecisive(
  options: GuardOptions,
  name: string,
  able: ProgramGuards,
  unable: ProgramGuards | undefined,
): boolean {
  const without = exploreFor(options, (each) => known(each === name ? 0n : 1n));
  if (without === undefined || graphKey(without) !== graphKey(able)) return true;
  const alone = exploreFor(options, (each) => known(each === name ? 1n : 0n));
  return alone === undefined || unable === undefined || graphKey(alone) !== graphKey(unable);
}

/** `answer` says whether verifiers have an ability; undefined leaves it open. */
function exploreFor(
  { object, program, joined = false, parameters, effort, sites }: GuardOptions,
  answer: (ability: string) => Value | undefined,
  asked: Set<string> = new Set(),
): ProgramGuards | undefined {
  const bind = (value: Variable): Value => {
    if (value.kind !== 'feature') return variable(value);
    asked.add(value.name);
    return answer(value.name) ?? variable(value);
  };
  const common = {
    object,
    program,
    bind,
    ...(parameters ? { parameters } : {}),
    ...(effort ? { effort } : {}),
    ...(sites ? { sites } : {}),
  };
  // Where the exact graph is too large, paths are joined.
  for (const maxSteps of joined ? [0] : [undefined, 0]) {
    const exploration = explore(maxSteps === undefined ? common : { ...common, maxSteps });
    const guards = exploration && reduce(exploration);
    if (guards || exploration === undefined || exploration.approximate) return guards;
  }
  return undefined;
}

function reduce(exploration: Exploration): ProgramGuards | undefined {
  const nodes = reduceGraph(exploration);
  return nodes && { sites: exploration.sites, nodes, approximate: exploration.approximate };
}

/** Equal for guards that reach the same on every kernel, whatever way they were found. */
function graphKey({ sites, nodes, approximate }: ProgramGuards): string {
  const names = sites.map((site) => Object.values(site).join(' '));
  const parts = nodes.map((node) => {
    const reached = node.sites.map((site) => names[site] ?? '').sort((a, b) => (a < b ? -1 : 1));
    const branches = node.branches.map(
      ({ op, args: [a, b], holds, fails }) => `${op} ${a.key} ${b.key} ${holds ?? ''} ${fails ?? ''}`,
    );
    return `${reached.join(',')}|${branches.join('|')}`;
  });
  return `${approximate}\n${parts.join('\n')}`;
}
