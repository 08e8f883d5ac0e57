import type { Catalogue, CatalogueEntry } from '@bpfship/media-types';

/** What to look for. All given conditions must hold. */
export interface SearchQuery {
  /** Words, each of which must occur in name, description, repository, hooks or helpers; letter case does not matter. */
  text?: string;
  /** A hook kind (`xdp`) or a hook with its target (`raw-tracepoint:sched_process_exec`). */
  hook?: string;
  /** OCI architecture name; variants for any architecture match. */
  architecture?: string;
  /** Whether to list every version. Default: only the newest of each service in each repository. */
  allVersions?: boolean;
}

/** A found entry with its rank; a higher score is a better match. */
export interface SearchResult {
  entry: CatalogueEntry;
  score: number;
}

/** Searches a catalogue. Best matches first; equal ones by name, then newest version first. */
export function searchCatalogue(catalogue: Catalogue, query: SearchQuery): SearchResult[] {
  const words = (query.text ?? '').toLowerCase().split(/\s+/).filter(Boolean);
  const results: SearchResult[] = [];
  for (const entry of query.allVersions ? catalogue.entries : newestVersions(catalogue.entries)) {
    if (!matchesFacets(entry, query)) continue;
    const score = scoreText(entry, words);
    if (score !== undefined) results.push({ entry, score });
  }
  return results.sort(
    (a, b) =>
      b.score - a.score || compareText(a.entry.name, b.entry.name) || compareVersions(b.entry.version, a.entry.version),
  );
}

function matchesFacets(entry: CatalogueEntry, { hook, architecture }: SearchQuery): boolean {
  return entry.variants.some(
    (variant) =>
      (architecture === undefined || variant.architecture === undefined || variant.architecture === architecture) &&
      (hook === undefined || variant.hooks.some((name) => name === hook || name.startsWith(`${hook}:`))),
  );
}

/** Weights: a hit in the name counts most, then the description, then what the variants hold. `undefined` where a word is nowhere. */
function scoreText(entry: CatalogueEntry, words: readonly string[]): number | undefined {
  const fields: [string, number][] = [
    [entry.name, 8],
    [entry.description ?? '', 4],
    [entry.repository, 2],
    [
      entry.variants.flatMap(({ hooks, helpers, programTypes }) => [...hooks, ...helpers, ...programTypes]).join(' '),
      1,
    ],
  ];
  let score = 0;
  for (const word of words) {
    const hits = fields.filter(([text]) => text.toLowerCase().includes(word));
    if (hits.length === 0) return undefined;
    score += hits.reduce((sum, [, weight]) => sum + weight, 0) + (entry.name === word ? 16 : 0);
  }
  return score;
}

/** The newest version of each service in each repository. */
export function newestVersions(entries: readonly CatalogueEntry[]): CatalogueEntry[] {
  const newest = new Map<string, CatalogueEntry>();
  for (const entry of entries) {
    const key = `${entry.repository}\n${entry.name}`;
    const known = newest.get(key);
    if (!known || compareVersions(entry.version, known.version) > 0) newest.set(key, entry);
  }
  return [...newest.values()];
}

/** Orders semantic versions (semver.org, item 11); build metadata counts only to keep the order total. */
export function compareVersions(a: string, b: string): number {
  const [coreA, preA] = splitVersion(a);
  const [coreB, preB] = splitVersion(b);
  const core = compareIdentifiers(coreA.split('.'), coreB.split('.'));
  if (core !== 0) return core;
  if (preA === undefined || preB === undefined)
    return Number(preB !== undefined) - Number(preA !== undefined) || compareText(a, b);
  return compareIdentifiers(preA.split('.'), preB.split('.')) || compareText(a, b);
}

function splitVersion(version: string): [string, string | undefined] {
  const withoutBuild = version.split('+')[0] ?? '';
  const dash = withoutBuild.indexOf('-');
  return dash < 0 ? [withoutBuild, undefined] : [withoutBuild.slice(0, dash), withoutBuild.slice(dash + 1)];
}

function compareIdentifiers(a: readonly string[], b: readonly string[]): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const x = a[i];
    const y = b[i];
    if (x === undefined || y === undefined) return x === undefined ? -1 : 1;
    const numeric = [x, y].map((identifier) => /^\d+$/.test(identifier));
    if (numeric[0] && numeric[1]) {
      // Longer digit strings are larger; comparing them as text keeps numbers beyond 2^53 exact.
      const order = x.length - y.length || compareText(x, y);
      if (order !== 0) return order;
    } else if (numeric[0] !== numeric[1]) {
      return numeric[0] ? -1 : 1;
    } else if (x !== y) {
      return compareText(x, y);
    }
  }
  return 0;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
