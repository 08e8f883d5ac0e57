import type { z } from 'zod';
import { DocumentError, type DocumentIssue } from './document-error.ts';

/** How deep values may be nested. The standard's own go to 8; members that it does not name are carried along. */
const MAX_DEPTH = 64;
/** Values (members and elements) of a document: what checking them takes grows with their number, not with their bytes. */
const MAX_VALUES = 500_000;

/** How many broken rules one error lists; the rest is counted. */
const MAX_ISSUES = 20;

/** What {@link parseDocument} reads and how it names it. */
export interface DocumentKind<T> {
  /** The name used in messages, e.g. `BTF index`. */
  readonly name: string;
  readonly schema: z.ZodType<T>;
  /** Upper bound in bytes, checked before decoding. */
  readonly maxSize: number;
  /** Values in it. Default 500,000. */
  readonly maxValues?: number;
  /** Brings the document into the form that the schema checks. Default: it is in that form. */
  readonly expand?: (value: unknown) => unknown;
}

/**
 * Reads one JSON document of the standard from bytes or an already parsed value.
 *
 * @throws {DocumentError} `ERR_DOCUMENT_TOO_LARGE`, `ERR_DOCUMENT_NOT_JSON` or `ERR_DOCUMENT_INVALID`, with every broken rule named.
 */
export function parseDocument<T>(input: Uint8Array | string | object, kind: DocumentKind<T>): T {
  const value = typeof input === 'string' || input instanceof Uint8Array ? parseJson(input, kind) : input;
  checkShape(value, kind);
  const result = kind.schema.safeParse(kind.expand === undefined ? value : kind.expand(value));
  if (result.success) return result.data;
  const issues: DocumentIssue[] = result.error.issues.slice(0, MAX_ISSUES).map((issue) => locateIssue(issue));
  const first = issues[0];
  const more = result.error.issues.length > 1 ? ` (and ${result.error.issues.length - 1} more)` : '';
  throw new DocumentError(
    'ERR_DOCUMENT_INVALID',
    kind.name,
    `the ${kind.name} breaks the standard at ${first?.path || 'its root'}: ${first?.message}${more}`,
    { issues },
  );
}

/** The issue itself, or where a union refuses a value, the first complaint of the branch that the value was meant for. */
function locateIssue(issue: z.core.$ZodIssue, parents: readonly PropertyKey[] = []): DocumentIssue {
  const path = [...parents, ...issue.path];
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    // A branch that complains about the discriminator was not meant.
    const meant =
      issue.errors.find((branch) => branch.every((inner) => inner.path[0] !== 'kind')) ?? issue.errors.at(-1);
    const [inner] = meant ?? [];
    if (inner) return locateIssue(inner, path);
  }
  return { path: formatPath(path), message: issue.message };
}

function parseJson(input: Uint8Array | string, kind: DocumentKind<unknown>): unknown {
  const size = input.length;
  if (size > kind.maxSize) {
    throw new DocumentError(
      'ERR_DOCUMENT_TOO_LARGE',
      kind.name,
      `the ${kind.name} has ${size} bytes; at most ${kind.maxSize} are read`,
    );
  }
  try {
    const text = typeof input === 'string' ? input : new TextDecoder('utf-8', { fatal: true }).decode(input);
    return JSON.parse(text);
  } catch (cause) {
    throw new DocumentError('ERR_DOCUMENT_NOT_JSON', kind.name, `the ${kind.name} is not JSON in UTF-8`, { cause });
  }
}

/** Bounds what is checked, printed and written later, parts of which go down by recursion. Itself it does not. */
function checkShape(root: unknown, { name, maxValues = MAX_VALUES }: DocumentKind<unknown>): void {
  let level: unknown[] = [root];
  let count = 0;
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) {
      throw new DocumentError(
        'ERR_DOCUMENT_INVALID',
        name,
        `the ${name} nests values deeper than ${MAX_DEPTH} levels`,
        {
          issues: [{ path: '', message: `must be nested at most ${MAX_DEPTH} levels deep` }],
        },
      );
    }
    const next: unknown[] = [];
    for (const value of level) {
      if (typeof value !== 'object' || value === null) continue;
      const members = Object.values(value) as unknown[];
      count += members.length;
      if (count > maxValues) {
        throw new DocumentError('ERR_DOCUMENT_TOO_LARGE', name, `the ${name} has more than ${maxValues} values`);
      }
      for (const member of members) if (typeof member === 'object') next.push(member);
    }
    level = next;
  }
}

function formatPath(path: readonly PropertyKey[]): string {
  return path.map((key, i) => (typeof key === 'number' ? `[${key}]` : `${i ? '.' : ''}${String(key)}`)).join('');
}
