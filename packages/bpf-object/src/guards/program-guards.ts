import type { BpfObject, BpfProgram } from '../object/bpf-object.ts';
import { explore, type ExploreOptions, type Exploration, type Site } from './explore.ts';
import { reduceGraph, type ReducedNode } from './reduce.ts';

/** Which sites of a program count on every kernel, and which only on some. */
export interface ProgramGuards {
  sites: readonly Site[];
  /** The first node's sites count on every kernel. */
  nodes: readonly ReducedNode[];
  approximate: boolean;
}

/** The load parameters of a program: name → place in read-only data. */
export type Parameters = NonNullable<ExploreOptions['parameters']>;

/**
 * Explores and reduces. Where the exact graph would be too large, paths are joined; undefined where that does not help either.
 *
 * @param options.maxSteps - instructions to follow before paths are joined.
 */
export function findProgramGuards(
  object: BpfObject,
  program: BpfProgram,
  options: { parameters?: Parameters; maxSteps?: number } = {},
): ProgramGuards | undefined {
  for (const maxSteps of [options.maxSteps, 0]) {
    const exploration = explore({ object, program, ...options, ...(maxSteps === undefined ? {} : { maxSteps }) });
    const guards = exploration && reduce(exploration);
    if (guards || exploration === undefined || exploration.approximate) return guards;
  }
  return undefined;
}

function reduce(exploration: Exploration): ProgramGuards | undefined {
  const nodes = reduceGraph(exploration);
  return nodes && { sites: exploration.sites, nodes, approximate: exploration.approximate };
}
