import type { Exploration, RawBranch, RawNode } from './exploration.ts';

/** A node of the reduced graph: all that is reached without a further decision, and the decisions from there. */
export interface ReducedNode {
  /** Positions of sites, ascending. */
  sites: number[];
  branches: ReducedBranch[];
}

/** A decision; a way that leads to nothing new is absent. */
export interface ReducedBranch {
  op: string;
  args: RawBranch['args'];
  holds?: number;
  fails?: number;
}

/** Steps of gathering nodes before a graph is given up as too large. */
const MAX_WORK = 20_000_000;
/** Steps of comparing nodes, each of about a microsecond, before a graph is given up as too large. */
const MAX_COMPARED = 1_000_000;
/** A graph of more nodes than this is no longer something that one would want to carry in an index. */
const MAX_NODES = 4096;

/**
 * Reduces an exploration to its decisions: straight ways are drawn together, ways that reach nothing new are left out, and equal nodes
 * are united. The first node is the start. Undefined where the graph is too large.
 */
export function reduceGraph(exploration: Exploration): ReducedNode[] | undefined {
  const gathered = gather(exploration.nodes);
  if (gathered === undefined) return undefined;
  const classes = dropTrivial(gathered) && unite(gathered);
  if (classes === undefined || classes === false) return undefined;
  const reduced = order(classes);
  return reduced.length > MAX_NODES ? undefined : reduced;
}

interface Head {
  sites: Set<number>;
  branches: Map<string, { raw: RawBranch; holds: number | undefined; fails: number | undefined }>;
}

/** For the start and for each node behind a decision: what is reached from it on straight ways. */
function gather(nodes: readonly RawNode[]): Map<number, Head> | undefined {
  const heads = new Map<number, Head>();
  const stamp = new Int32Array(nodes.length).fill(-1);
  const open = [0];
  let work = 0;
  for (let start = open.pop(); start !== undefined; start = open.pop()) {
    if (heads.has(start)) continue;
    const head: Head = { sites: new Set(), branches: new Map() };
    heads.set(start, head);
    const ways = [start];
    for (let at = ways.pop(); at !== undefined; at = ways.pop()) {
      const node = nodes[at];
      if (node === undefined || stamp[at] === start) continue;
      stamp[at] = start;
      if (++work > MAX_WORK) return undefined;
      for (const site of node.sites) head.sites.add(site);
      ways.push(...node.next);
      const raw = node.branch;
      if (raw === undefined) continue;
      head.branches.set(`${conditionKey(raw)} ${raw.holds} ${raw.fails}`, { raw, holds: raw.holds, fails: raw.fails });
      open.push(raw.holds, raw.fails);
    }
  }
  return heads;
}

function conditionKey({ op, args: [a, b] }: Pick<RawBranch, 'op' | 'args'>): string {
  return `${op} ${a.key} ${b.key}`;
}

/** Leaves out what the start reaches anyway, and ways that then lead to nothing. False where that takes too long. */
function dropTrivial(heads: Map<number, Head>): boolean {
  const always = heads.get(0)?.sites ?? new Set();
  for (const [index, head] of heads) if (index !== 0) for (const site of always) head.sites.delete(site);
  let work = 0;
  for (let changed = true; changed;) {
    changed = false;
    work += heads.size;
    if (work > MAX_WORK) return false;
    for (const [index, head] of heads) {
      for (const [key, branch] of head.branches) {
        if (isNothing(heads, branch.holds, index)) branch.holds = undefined;
        if (isNothing(heads, branch.fails, index)) branch.fails = undefined;
        if (branch.holds !== undefined || branch.fails !== undefined) continue;
        head.branches.delete(key);
        changed = true;
      }
    }
  }
  return true;
}

/** Whether a way leads to nothing new: to where nothing is left, or back to where it came from. */
function isNothing(heads: Map<number, Head>, target: number | undefined, from: number): boolean {
  if (target === undefined || target === from) return true;
  const head = heads.get(target);
  return head === undefined || (head.sites.size === 0 && head.branches.size === 0);
}

/** Unites nodes that cannot be told apart. Undefined where that takes too long. */
function unite(heads: Map<number, Head>): Map<number, { head: Head; classOf: (index: number) => number }> | undefined {
  const classes = refine([...heads].map(([index, head]) => shapeOf(index, head)));
  if (classes === undefined) return undefined;
  const united = new Map<number, { head: Head; classOf: (index: number) => number }>();
  const classOf = (index: number): number => classes.get(index) ?? 0;
  for (const [index, head] of heads) if (!united.has(classOf(index))) united.set(classOf(index), { head, classOf });
  return united;
}

/**
 * The coarsest classes whose nodes have the same sites and the same ways into classes (partition refinement). Of a class that is split, what
 * was not looked at again keeps the number, or else the largest part: only what leads to the others is looked at in the next round.
 * Undefined where that takes too long.
 */
function refine(shapes: readonly Shape[]): Map<number, number> | undefined {
  const classes = new Map(shapes.map(({ index }) => [index, 0]));
  const members: { size: number; signature: string }[] = [{ size: shapes.length, signature: '' }];
  const before = leadingTo(shapes);
  let work = 0;
  for (let open = new Set(shapes); open.size > 0;) {
    work += open.size;
    if (work > MAX_COMPARED) return undefined;
    const touched = partsByClass(open, classes);
    open = new Set();
    for (const [own, parts] of touched) {
      const known = members[own] ?? { size: 0, signature: '' };
      const looked = [...parts.values()].reduce((sum, part) => sum + part.length, 0);
      if (known.size === looked) known.signature = largest(parts);
      for (const [signature, part] of parts) {
        if (signature === known.signature) continue;
        known.size -= part.length;
        const number = members.push({ size: part.length, signature }) - 1;
        for (const shape of part) {
          classes.set(shape.index, number);
          for (const earlier of before.get(shape.index) ?? []) open.add(earlier);
        }
      }
    }
  }
  return classes;
}

type Parts = Map<string, Shape[]>;

/** Nodes by their class, and in it by what they hold and lead to. */
function partsByClass(open: ReadonlySet<Shape>, classes: ReadonlyMap<number, number>): Map<number, Parts> {
  const touched = new Map<number, Parts>();
  for (const shape of open) {
    const own = classes.get(shape.index) ?? 0;
    const parts: Parts = touched.get(own) ?? new Map();
    touched.set(own, parts);
    const signature = signatureOf(shape, classes);
    const part = parts.get(signature);
    if (part) part.push(shape);
    else parts.set(signature, [shape]);
  }
  return touched;
}

/** The signature of the part with the most nodes. */
function largest(parts: Parts): string {
  let [found, size] = ['', 0];
  for (const [signature, part] of parts) if (part.length > size) [found, size] = [signature, part.length];
  return found;
}

/** Nodes by what their decisions lead to. */
function leadingTo(shapes: readonly Shape[]): Map<number, Shape[]> {
  const before = new Map<number, Shape[]>();
  for (const shape of shapes) {
    for (const { holds, fails } of shape.branches) {
      for (const way of [holds, fails]) {
        if (way === undefined) continue;
        const known = before.get(way);
        if (known) known.push(shape);
        else before.set(way, [shape]);
      }
    }
  }
  return before;
}

/** What of a node stays the same from round to round. */
interface Shape {
  index: number;
  sites: string;
  branches: { condition: string; holds: number | undefined; fails: number | undefined }[];
}

function shapeOf(index: number, { sites, branches }: Head): Shape {
  return {
    index,
    sites: [...sites].sort((a, b) => a - b).join(','),
    branches: [...branches.values()].map(({ raw, holds, fails }) => ({ condition: conditionKey(raw), holds, fails })),
  };
}

function signatureOf({ sites, branches }: Shape, classes: ReadonlyMap<number, number>): string {
  const classAt = (way: number | undefined): string => (way === undefined ? '' : String(classes.get(way)));
  const parts = new Set(
    branches.map(({ condition, holds, fails }) => `${condition} ${classAt(holds)} ${classAt(fails)}`),
  );
  return `${sites}|${parts.size > 1 ? [...parts].sort().join('|') : [...parts].join('')}`;
}

/** Numbers the classes in the order in which they are met from the start, and their decisions in the order of their conditions. */
function order(classes: Map<number, { head: Head; classOf: (index: number) => number }>): ReducedNode[] {
  const first = classes.values().next().value;
  if (first === undefined) return [];
  const numbers = new Map<number, number>();
  const found: number[] = [];
  const number = (index: number | undefined): number | undefined => {
    if (index === undefined) return undefined;
    const own = first.classOf(index);
    if (!numbers.has(own)) numbers.set(own, found.push(own) - 1);
    return numbers.get(own);
  };
  number(0);
  const nodes: ReducedNode[] = [];
  for (let at = 0; at < found.length; at++) {
    const head = classes.get(found[at] ?? 0)?.head;
    if (head === undefined) continue;
    const branches = new Map<string, ReducedBranch>();
    const sorted = [...head.branches.values()].sort((a, b) => (conditionKey(a.raw) < conditionKey(b.raw) ? -1 : 1));
    for (const { raw, holds: then, fails: otherwise } of sorted) {
      const [yes, no] = [number(then), number(otherwise)];
      const branch: ReducedBranch = { op: raw.op, args: raw.args };
      if (yes !== undefined) branch.holds = yes;
      if (no !== undefined) branch.fails = no;
      branches.set(`${conditionKey(raw)} ${yes} ${no}`, branch);
    }
    nodes.push({ sites: [...head.sites].sort((a, b) => a - b), branches: [...branches.values()] });
  }
  return nodes;
}
