import type { Exploration } from './exploration.ts';

/** Sites that an exploration comes to without any decision over a value of the kernel; it need not have come to its end. */
function sitesBeforeDecisions({ sites, nodes }: Exploration): Set<string> {
  const reached = new Set<string>();
  const seen = new Set([0]);
  for (const index of seen) {
    const node = nodes[index];
    for (const site of node?.sites ?? []) reached.add(nameOf(sites, site));
    for (const next of node?.next ?? []) seen.add(next);
  }
  return reached;
}

function nameOf(sites: Exploration['sites'], position: number): string {
  return Object.values(sites[position] ?? {}).join(' ');
}

/**
 * What is known of a program before all its paths were followed: where a part of them comes, on every kernel, to all that the joined paths
 * come to, the others cannot add anything. The joined ones come to no less than the paths do.
 *
 * @param part - exact, not at its end.
 * @returns undefined where more must be followed.
 */
export function reachedAlways(part: Exploration, joined: Exploration): Exploration | undefined {
  const reached = sitesBeforeDecisions(part);
  const positions = new Set(joined.nodes.flatMap(({ sites }) => sites));
  for (const position of positions) if (!reached.has(nameOf(joined.sites, position))) return undefined;
  return { sites: part.sites, nodes: [{ sites: [...part.sites.keys()], next: [] }], approximate: false };
}
