import type { BtfIndex, Variant } from './btf-index.ts';
import { canonicalJson } from './canonical-json.ts';
import { DocumentError } from './document-error.ts';
import { MAX_BTF_INDEX_SIZE } from './limits.ts';

/** Lists of a variant whose elements may be shared. */
const LISTS = ['programs', 'maps', 'requirements', 'guards'] as const;
/** Values, and characters of text, that references may stand for, all together: as much as a document may hold without them. */
const MAX_VALUES = 500_000;

type JsonObject = Record<string, unknown>;

/**
 * A BTF index as it is written: what several variants have stands once, in `shared`, and the variants name its position (spec/btf-index.md,
 * "Shared parts"). The same index gives the same document.
 */
export function shareParts(index: BtfIndex): object {
  const shared: JsonObject = {};
  const variants = index.variants.map((variant): JsonObject => ({ ...variant }));
  for (const list of LISTS) shareElements(list, index.variants, variants, shared);
  shareTypes(index.variants, variants, shared);
  return Object.keys(shared).length === 0 ? index : { ...index, shared, variants };
}

/** Puts positions in the place of elements that stand in more than one variant. */
function shareElements(
  list: (typeof LISTS)[number],
  variants: readonly Variant[],
  written: JsonObject[],
  shared: JsonObject,
): void {
  const texts = variants.map((variant) => (variant[list] ?? []).map(canonicalJson));
  const positions = positionsOfRepeated(texts);
  if (positions.size === 0) return;
  const byText = new Map(
    variants.flatMap((variant, at) => (variant[list] ?? []).map((part, i) => [texts[at]?.[i], part])),
  );
  shared[list] = [...positions.keys()].map((text) => byText.get(text));
  for (const [at, variant] of written.entries()) {
    if (variant[list] === undefined) continue;
    variant[list] = (variants[at]?.[list] ?? []).map((part, i) => positions.get(texts[at]?.[i] ?? '') ?? part);
  }
}

function shareTypes(variants: readonly Variant[], written: JsonObject[], shared: JsonObject): void {
  const positions = positionsOfRepeated(variants.map(({ types }) => (types === undefined ? [] : [types])));
  if (positions.size === 0) return;
  shared['types'] = [...positions.keys()];
  for (const [at, variant] of written.entries()) {
    const position = positions.get(variants[at]?.types ?? '');
    if (position !== undefined) variant['types'] = position;
  }
}

/** Texts that stand in more than one group → their position, in the order in which they first stand. */
function positionsOfRepeated(groups: readonly (readonly string[])[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const group of groups) for (const text of new Set(group)) counts.set(text, (counts.get(text) ?? 0) + 1);
  const repeated = [...counts].filter(([, count]) => count > 1).map(([text]) => text);
  return new Map(repeated.map((text, position) => [text, position]));
}

/**
 * Puts the shared parts back where the variants name them, and leaves out `shared`. What is no document of that form is returned as it is:
 * the schema complains.
 *
 * @throws {DocumentError} `ERR_DOCUMENT_INVALID` for a position that there is not, `ERR_DOCUMENT_TOO_LARGE`.
 */
export function expandParts(document: unknown): unknown {
  if (!isObject(document) || !isObject(document['shared']) || !Array.isArray(document['variants'])) return document;
  const { shared, ...rest } = document;
  const parts = new Parts(shared);
  const variants = document['variants'].map((variant: unknown, at) => {
    if (!isObject(variant)) return variant;
    const whole = { ...variant };
    for (const list of LISTS) {
      const elements = variant[list];
      if (!Array.isArray(elements)) continue;
      whole[list] = elements.map((part: unknown, i) => parts.get(list, part, `variants[${at}].${list}[${i}]`));
    }
    if ('types' in variant) whole['types'] = parts.get('types', variant['types'], `variants[${at}].types`);
    return whole;
  });
  return { ...rest, variants };
}

/** The shared parts, and how much of them was asked for. */
class Parts {
  readonly #shared: JsonObject;
  readonly #weights: Map<unknown, { values: number; characters: number }> = new Map();
  #values = 0;
  #characters = 0;

  constructor(shared: JsonObject) {
    this.#shared = shared;
  }

  get(list: string, part: unknown, path: string): unknown {
    if (typeof part !== 'number') return part;
    const all = Object.hasOwn(this.#shared, list) ? this.#shared[list] : undefined;
    if (!Array.isArray(all) || !Number.isInteger(part) || part < 0 || part >= all.length) {
      const message = `must be the position of a part in shared.${list}`;
      throw new DocumentError(
        'ERR_DOCUMENT_INVALID',
        'BTF index',
        `the BTF index breaks the standard at ${path}: ${message}`,
        {
          issues: [{ path, message }],
        },
      );
    }
    const found: unknown = all[part];
    this.#count(found);
    return found;
  }

  #count(part: unknown): void {
    const weight = this.#weights.get(part) ?? weigh(part);
    this.#weights.set(part, weight);
    this.#values += weight.values;
    this.#characters += weight.characters;
    if (this.#values <= MAX_VALUES && this.#characters <= MAX_BTF_INDEX_SIZE) return;
    throw new DocumentError(
      'ERR_DOCUMENT_TOO_LARGE',
      'BTF index',
      'the shared parts of the BTF index are named too often',
    );
  }
}

/** Values and characters of a part. The depth of documents is bounded before. */
function weigh(part: unknown): { values: number; characters: number } {
  if (typeof part === 'string') return { values: 1, characters: part.length };
  if (typeof part !== 'object' || part === null) return { values: 1, characters: 0 };
  const sum = { values: 1, characters: 0 };
  for (const [name, member] of Object.entries(part)) {
    const { values, characters } = weigh(member);
    sum.values += values;
    sum.characters += characters + (Array.isArray(part) ? 0 : name.length);
  }
  return sum;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
