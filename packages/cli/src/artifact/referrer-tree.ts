import { type Descriptor, type GraphSource, OciError } from '@bpfship/oras-client';
import { sanitizeLine } from '../terminal/sanitize.ts';
import { descriptorData, type DescriptorData } from './descriptor-data.ts';

/** Referrers that one tree may have. */
const MAX_REFERRERS = 10_000;
/** Levels that are followed where nobody says how many. */
const MAX_DEPTH = 32;

/** What refers to something, and what refers to that; the fields as oras has them. */
export interface Referrer extends DescriptorData {
  referrers: Referrer[];
}

/** Options of {@link findReferrers}. */
export interface FindReferrersOptions {
  location: string;
  artifactType: string | undefined;
  /** Levels. Default: all. */
  depth: number | undefined;
  signal: AbortSignal;
}

/**
 * Finds all that refers to a manifest, level by level.
 *
 * @throws {OciError} `ERR_OCI_LIMIT` for more than 10,000 referrers or 32 levels.
 */
export async function findReferrers(
  source: GraphSource,
  root: Descriptor,
  options: FindReferrersOptions,
): Promise<Referrer[]> {
  const { location, artifactType, depth = Infinity, signal } = options;
  const top: Referrer[] = [];
  let level: { of: Descriptor; into: Referrer[] }[] = [{ of: root, into: top }];
  let count = 0;
  for (let at = 0; level.length > 0 && at < depth; at++) {
    if (at >= MAX_DEPTH) throw new OciError('ERR_OCI_LIMIT', `referrers of ${root.digest} go deeper than ${MAX_DEPTH}`);
    const next: typeof level = [];
    for (const { of, into } of level) {
      const filter = artifactType === undefined ? {} : { artifactType };
      for await (const found of source.predecessors(of, { ...filter, signal })) {
        if (++count > MAX_REFERRERS)
          throw new OciError('ERR_OCI_LIMIT', `${root.digest} has more than ${MAX_REFERRERS} referrers`);
        const referrer: Referrer = { ...descriptorData(location, found), referrers: [] };
        into.push(referrer);
        next.push({ of: found, into: referrer.referrers });
      }
    }
    level = next;
  }
  return top;
}

interface Node {
  text: string;
  children: Node[];
}

/** The tree as text: artifact types, their digests, annotations and referrers. Text from the registry is made safe line by line. */
export function renderTree(title: string, referrers: readonly Referrer[]): string {
  return [sanitizeLine(title), ...renderNodes(byType(referrers), '')].join('\n');
}

function byType(referrers: readonly Referrer[]): Node[] {
  const types = new Map<string, Node[]>();
  for (const { artifactType = '<unknown>', digest, annotations = {}, referrers: below } of referrers) {
    const pairs = Object.entries(annotations).map(([key, value]) => ({
      text: `${key}: ${JSON.stringify(value)}`,
      children: [],
    }));
    const notes = pairs.length > 0 ? [{ text: '[annotations]', children: pairs }] : [];
    const node = { text: digest, children: [...notes, ...byType(below)] };
    types.set(artifactType, [...(types.get(artifactType) ?? []), node]);
  }
  return [...types].map(([text, children]) => ({ text, children }));
}

function renderNodes(nodes: readonly Node[], indent: string): string[] {
  return nodes.flatMap(({ text, children }, i) => {
    const isLast = i === nodes.length - 1;
    const below = renderNodes(children, `${indent}${isLast ? '    ' : '│   '}`);
    return [`${indent}${isLast ? '└── ' : '├── '}${sanitizeLine(text)}`, ...below];
  });
}
