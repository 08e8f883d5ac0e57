import { BpfObjectError } from '../errors.ts';
import { essentialLength } from './essential-name.ts';

const MAX_TYPE_NAME = 2048;

/** The types of one BTF by name. A hash table in typed arrays: no object and no string per type. */
export interface NameIndex {
  /** Ids (counted within this BTF, from 0) whose essential name hashes like these bytes, in falling order. */
  candidates(name: Uint8Array, essential: number): number[];
}

const UNDERSCORE = 0x5f;

/** Names found to be too long while hashing. */
const TOO_LONG = -1;

/**
 * Hash of the essential part of the NUL-terminated name at `start`; {@link TOO_LONG} for names beyond the limit. One pass finds the end,
 * the flavour and the hash: this loop sees every byte of every name of a kernel.
 */
function hashName(bytes: Uint8Array, start: number): number {
  const limit = Math.min(start + MAX_TYPE_NAME, bytes.length);
  let hash = 0x811c9dc5;
  let essential = 0;
  let hasFlavour = false;
  let beforeRun = hash;
  let run = 0;
  for (let at = start; at < limit; at++) {
    const byte = bytes[at] as number;
    if (byte === 0) {
      const final = hasFlavour ? essential : hash;
      // The low bits choose the bucket: mix the high ones in.
      return (final ^ (final >>> 15)) & 0x7fff_ffff;
    }
    if (byte === UNDERSCORE) {
      if (run === 0) beforeRun = hash;
      run++;
    } else {
      // Exactly three underscores between other characters; the last such place counts.
      if (run === 3 && at - 3 > start) {
        essential = beforeRun;
        hasFlavour = true;
      }
      run = 0;
    }
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return TOO_LONG;
}

/**
 * Indexes by essential name, so that one table answers both exact look-ups and the search for flavours.
 * `nameStarts` gives each type's place in `strings`, negative for anonymous ones.
 */
export function buildNameIndex(strings: Uint8Array, nameStarts: Int32Array): NameIndex {
  const count = nameStarts.length;
  const size = 2 ** Math.ceil(Math.log2(Math.max(16, count)));
  const heads = new Int32Array(size).fill(-1);
  const next = new Int32Array(count).fill(-1);
  for (let index = 0; index < count; index++) {
    const start = nameStarts[index] as number;
    if (start < 0) continue;
    const hash = hashName(strings, start);
    if (hash === TOO_LONG) throw tooLong(start);
    const bucket = hash & (size - 1);
    next[index] = heads[bucket] as number;
    heads[bucket] = index;
  }
  return {
    candidates(name, essential) {
      const found: number[] = [];
      const terminated = new Uint8Array(name.length + 1);
      terminated.set(name);
      const hash = hashName(terminated, 0);
      let index = hash === TOO_LONG ? -1 : (heads[hash & (size - 1)] ?? -1);
      while (index >= 0) {
        if (sharesEssentialName(strings, nameStarts[index] ?? -1, name, essential)) found.push(index);
        index = next[index] ?? -1;
      }
      return found;
    },
  };
}

function tooLong(start: number): BpfObjectError {
  return new BpfObjectError('ERR_BTF_INVALID', `a type's name is longer than ${MAX_TYPE_NAME} bytes`, {
    section: 'the BTF strings',
    offset: start,
  });
}

function sharesEssentialName(strings: Uint8Array, start: number, name: Uint8Array, essential: number): boolean {
  for (let at = 0; at < essential; at++) if (strings[start + at] !== name[at]) return false;
  return essentialLength(strings, start, endOfName(strings, start)) === essential;
}

function endOfName(strings: Uint8Array, start: number): number {
  const end = strings.indexOf(0, start);
  return end < 0 ? strings.length : end;
}
