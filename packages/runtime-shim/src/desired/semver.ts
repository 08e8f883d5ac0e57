import { SemanticVersion } from '@bpfship/media-types';

/** A semantic version (semver.org 2.0.0), taken apart. */
export interface Version {
  text: string;
  major: number;
  minor: number;
  patch: number;
  /** Identifiers after the hyphen; empty for a release. */
  pre: readonly (string | number)[];
}

/** One comparison, e.g. `>=1.2.0`. */
interface Comparator {
  operator: '<' | '<=' | '>' | '>=' | '=';
  version: Version;
}

/** A range of versions: any of the sets, of which all comparisons must hold. */
export type VersionRange = readonly (readonly Comparator[])[];

/** Longest range that is read. */
const MAX_RANGE = 256;
/** `1`, `1.2`, `1.x`, `1.2.3-rc.1`: parts may be missing or be `x`, `X`, `*`. */
const PARTIAL = /^v?(?:(\d+|[xX*])(?:\.(\d+|[xX*])(?:\.(\d+|[xX*])(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?)?)?)?$/;

/** Takes a version apart, also with a leading `v` as tags may have it; `undefined` for anything else. */
export function parseVersion(text: string): Version | undefined {
  const plain = text.startsWith('v') ? text.slice(1) : text;
  if (!SemanticVersion.safeParse(plain).success) return undefined;
  const [core = '', ...rest] = (plain.split('+')[0] ?? '').split('-');
  const [major = 0, minor = 0, patch = 0] = core.split('.').map(Number);
  if (![major, minor, patch].every(Number.isSafeInteger)) return undefined;
  const pre = rest.join('-');
  return { text: plain, major, minor, patch, pre: pre === '' ? [] : pre.split('.').map(identifier) };
}

/** Negative where `a` comes before `b` (semver.org, item 11); build metadata does not count. */
export function compareVersions(a: Version, b: Version): number {
  const core = a.major - b.major || a.minor - b.minor || a.patch - b.patch;
  if (core !== 0) return core;
  if (a.pre.length === 0 || b.pre.length === 0) return b.pre.length - a.pre.length;
  for (const [i, left] of a.pre.entries()) {
    const right = b.pre[i];
    if (right === undefined) return 1;
    if (left === right) continue;
    if (typeof left !== typeof right) return typeof left === 'number' ? -1 : 1;
    return left < right ? -1 : 1;
  }
  return a.pre.length - b.pre.length;
}

/**
 * Reads a range as npm and cargo write it: `1.2.3`, `^1.2`, `~1.2.3`, `1.x`, `>=1.0.0 <2.0.0`, `1.2 - 1.4`, `*`, and several with `||`.
 *
 * @returns `undefined` where it is none.
 */
export function parseRange(text: string): VersionRange | undefined {
  if (text.length > MAX_RANGE) return undefined;
  const sets = text.split('||').map((part) => parseSet(part.trim()));
  return sets.every((set) => set !== undefined) ? sets : undefined;
}

/**
 * Whether a version is in a range. Versions before a release (`1.3.0-rc.1`) are only where the range names one of the same release, so that `^1.2` never
 * brings one.
 */
export function isInRange(version: Version, range: VersionRange): boolean {
  return range.some((set) => {
    if (!set.every(({ operator, version: bound }) => holds(compareVersions(version, bound), operator))) return false;
    if (version.pre.length === 0) return true;
    return set.some(({ version: bound }) => bound.pre.length > 0 && sameRelease(bound, version));
  });
}

/** The highest version of a list that is in a range, with the text that it had. */
export function highestInRange(
  texts: Iterable<string>,
  range: VersionRange,
): { text: string; version: Version } | undefined {
  let best: { text: string; version: Version } | undefined;
  for (const text of texts) {
    const version = parseVersion(text);
    if (version === undefined || !isInRange(version, range)) continue;
    const order = best === undefined ? 1 : compareVersions(version, best.version);
    // Of equal ones the one that a sorted list has first, whatever the registry's order is.
    if (best === undefined || order > 0 || (order === 0 && text < best.text)) best = { text, version };
  }
  return best;
}

function identifier(text: string): string | number {
  return /^\d+$/.test(text) ? Number(text) : text;
}

function sameRelease(a: Version, b: Version): boolean {
  return a.major === b.major && a.minor === b.minor && a.patch === b.patch;
}

function holds(order: number, operator: Comparator['operator']): boolean {
  switch (operator) {
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
    default:
      return order === 0;
  }
}

function parseSet(text: string): Comparator[] | undefined {
  const hyphen = /^(\S+)\s+-\s+(\S+)$/.exec(text);
  if (hyphen) {
    const [from, to] = [parsePartial(hyphen[1] ?? ''), parsePartial(hyphen[2] ?? '')];
    return from && to ? [{ operator: '>=', version: lowest(from) }, ...upTo(to)] : undefined;
  }
  const found: Comparator[] = [];
  for (const word of text.replaceAll(/([<>=~^])\s+/g, '$1').split(/\s+/)) {
    const [, operator = '', rest = ''] = /^(\^|~|<=|>=|<|>|=)?(.*)$/.exec(word) ?? [];
    const partial = parsePartial(rest);
    if (partial === undefined) return undefined;
    found.push(...comparatorsOf(operator, partial));
  }
  return found;
}

/** A version whose last parts may be open. */
interface PartialVersion {
  parts: number[];
  pre: readonly (string | number)[];
}

function parsePartial(text: string): PartialVersion | undefined {
  const match = PARTIAL.exec(text);
  if (!match) return undefined;
  const parts: number[] = [];
  for (const part of match.slice(1, 4)) {
    if (part === undefined || /[xX*]/.test(part)) break;
    const number = Number(part);
    if (!Number.isSafeInteger(number)) return undefined;
    parts.push(number);
  }
  const pre = match[4];
  return { parts, pre: pre === undefined || parts.length < 3 ? [] : pre.split('.').map(identifier) };
}

function comparatorsOf(operator: string, partial: PartialVersion): Comparator[] {
  const { parts } = partial;
  const from: Comparator = { operator: '>=', version: lowest(partial) };
  if (parts.length === 0) return operator === '<' || operator === '>' ? [{ operator: '<', version: zero() }] : [from];
  switch (operator) {
    case '^': {
      // The first part that is not 0 may not rise.
      const significant = parts.findIndex((part) => part > 0);
      return [from, below(parts, significant === -1 ? parts.length - 1 : significant)];
    }
    case '~':
      return [from, below(parts, Math.min(1, parts.length - 1))];
    case '>=':
      return [from];
    case '>':
      return parts.length === 3
        ? [{ operator: '>', version: lowest(partial) }]
        : [{ operator: '>=', version: next(parts, parts.length - 1) }];
    case '<':
      return [{ operator: '<', version: lowest(partial) }];
    case '<=':
      return upTo(partial);
    default:
      return parts.length === 3
        ? [{ operator: '=', version: lowest(partial) }]
        : [from, below(parts, parts.length - 1)];
  }
}

function upTo(partial: PartialVersion): Comparator[] {
  const { parts } = partial;
  if (parts.length === 0) return [];
  return parts.length === 3 ? [{ operator: '<=', version: lowest(partial) }] : [below(parts, parts.length - 1)];
}

/** Below the next version in which the part rises; that version's own candidates are not below it in any useful sense. */
function below(parts: readonly number[], index: number): Comparator {
  return { operator: '<', version: { ...next(parts, index), pre: [0] } };
}

function next(parts: readonly number[], index: number): Version {
  const [major = 0, minor = 0, patch = 0] = parts.slice(0, index + 1).map((part, i) => (i === index ? part + 1 : part));
  return { text: `${major}.${minor}.${patch}`, major, minor, patch, pre: [] };
}

function lowest({ parts, pre }: PartialVersion): Version {
  const [major = 0, minor = 0, patch = 0] = parts;
  return { text: `${major}.${minor}.${patch}`, major, minor, patch, pre };
}

function zero(): Version {
  return { text: '0.0.0', major: 0, minor: 0, patch: 0, pre: [0] };
}
