import type { VariantMap } from '@bpfship/media-types';

/** Map types that the kernel keeps entries of, grouped by those that can take one another's. */
const FAMILIES: readonly (readonly string[])[] = [
  ['hash', 'lru_hash'],
  ['percpu_hash', 'lru_percpu_hash'],
  ['array'],
  ['percpu_array'],
  ['lpm_trie'],
];

/** In what a map is another one than before; `undefined` where contents can stay as they are. */
export function differenceOf(before: VariantMap, after: VariantMap): string | undefined {
  const pairs: [string, string | number, string | number][] = [
    ['type', before.type, after.type],
    ['key size', before.keySize, after.keySize],
    ['value size', before.valueSize, after.valueSize],
    ['number of entries', before.maxEntries, after.maxEntries],
    ['set of flags', before.flags, after.flags],
  ];
  for (const [what, old, now] of pairs) if (old !== now) return `${what} (${old}, now ${now})`;
  // Equal sizes may hide another meaning: the schema tells.
  if (hasOtherSchema(before, after)) return 'layout of its keys or values';
  return undefined;
}

/** Whether two maps differ in their number of entries and in nothing else. */
export function differInSizeOnly(before: VariantMap, after: VariantMap): boolean {
  return differenceOf({ ...before, maxEntries: after.maxEntries }, after) === undefined;
}

/** Whether entries of one map can be written into the other one, as far as types of maps go. */
export function canCopy(before: VariantMap, after: VariantMap): boolean {
  return FAMILIES.some((family) => family.includes(before.type) && family.includes(after.type));
}

/** Whether a map has entries that somebody can count and copy. */
export function hasEntries({ type }: VariantMap): boolean {
  return FAMILIES.some((family) => family.includes(type));
}

function hasOtherSchema(before: VariantMap, after: VariantMap): boolean {
  return before.schema !== undefined && after.schema !== undefined && before.schema !== after.schema;
}
