import { BpfObjectError } from '../errors.ts';
import { essentialLength } from './essential-name.ts';

const MAX_TYPE_NAME = 2048;
/** Bytes of a name that its hash covers. Few: in a process that asks for some dozen names, hashing costs more than long chains do. */
const HASHED = 6;
const UNDERSCORE = 0x5f;

/** Names of types of one BTF. */
export interface TypeNames {
  /** Indexes of types, rising. */
  types: Uint32Array;
  /** Where each type's record starts in `words`; its first word is the offset of its name, the base's strings counted in. */
  positions: Uint32Array;
  words: Uint32Array;
  /** The base's strings; empty where there is no base. */
  baseStrings: Uint8Array;
  /** Own strings; their offsets follow the base's. */
  strings: Uint8Array;
}

/** Types by name. A hash table in typed arrays: no object and no string per type. */
export interface NameIndex {
  /** Indexes of types with the same essential name as `name`, whose own is `essential` bytes long; rising. */
  candidates(name: Uint8Array, essential: number): number[];
}

/**
 * Hash of the first bytes of the essential part of the name at `start`. An essential name ends before a `___` (or is the whole name), and
 * does not end in `_`: so the name and its essential part have the first `___` at the same place, and stopping there makes both
 * hash alike, whichever `___` begins the flavour.
 */
function hashName(bytes: Uint8Array, start: number): number {
  let hash = 0x811c9dc5;
  for (let at = start; at < start + HASHED; at++) {
    const byte = bytes[at];
    if (byte === 0 || byte === undefined) break;
    if (byte === UNDERSCORE && bytes[at + 1] === UNDERSCORE && bytes[at + 2] === UNDERSCORE) break;
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  // The low bits choose the bucket: mix the high ones in.
  return (hash ^ (hash >>> 15)) & 0x7fff_ffff;
}

/** Indexes by essential name, so that one table answers both exact look-ups and the search for flavours. */
export function buildNameIndex({ types, positions, words, baseStrings, strings }: TypeNames): NameIndex {
  const count = types.length;
  const size = 2 ** Math.ceil(Math.log2(Math.max(16, count)));
  const firstOwn = baseStrings.length;
  const heads = new Int32Array(size).fill(-1);
  const next = new Int32Array(count);
  const startOf = (entry: number): number => words[positions[types[entry] as number] as number] as number;
  // Backwards, so that each chain rises.
  for (let entry = count - 1; entry >= 0; entry--) {
    const start = startOf(entry);
    const hash = start < firstOwn ? hashName(baseStrings, start) : hashName(strings, start - firstOwn);
    const bucket = hash & (size - 1);
    next[entry] = heads[bucket] as number;
    heads[bucket] = entry;
  }
  return {
    candidates(name, essential) {
      const found: number[] = [];
      // Types of one name share its string, as a rule one after the other.
      let compared = -1;
      let agrees = false;
      for (let entry = heads[hashName(name, 0) & (size - 1)] ?? -1; entry >= 0; entry = next[entry] ?? -1) {
        const start = startOf(entry);
        if (start !== compared) {
          compared = start;
          agrees =
            start < firstOwn
              ? sharesEssentialName(baseStrings, start, name, essential)
              : sharesEssentialName(strings, start - firstOwn, name, essential);
        }
        if (agrees) found.push(types[entry] as number);
      }
      return found;
    },
  };
}

function sharesEssentialName(strings: Uint8Array, start: number, name: Uint8Array, essential: number): boolean {
  for (let at = 0; at < essential; at++) if (strings[start + at] !== name[at]) return false;
  return essentialLength(strings, start, endOfName(strings, start)) === essential;
}

function endOfName(strings: Uint8Array, start: number): number {
  const limit = Math.min(start + MAX_TYPE_NAME, strings.length);
  for (let at = start; at < limit; at++) if (strings[at] === 0) return at;
  throw new BpfObjectError('ERR_BTF_INVALID', `a type's name is longer than ${MAX_TYPE_NAME} bytes`, {
    section: 'the BTF strings',
    offset: start,
    rule: `names have at most ${MAX_TYPE_NAME} bytes and end with NUL`,
  });
}
