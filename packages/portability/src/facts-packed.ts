import { decodeBase64 } from './base64.ts';
import type { Packed } from './facts.ts';
import { inflate } from './inflate.ts';
import { matchesPattern } from './matches-pattern.ts';
import { PortabilityError } from './portability-error.ts';

/** Names that can be asked for one by one, or by a pattern with `*` and `?`. */
export interface NameList {
  has(name: string): boolean;
  /** Whether any name matches. */
  matches(pattern: string): boolean;
  /** Whether any name begins so. */
  begins(head: string): boolean;
}

/**
 * Unpacks bytes of kernel facts (spec/kernel-facts.md, "Packed data").
 *
 * @param what - for the error.
 * @returns nothing where they are packed in a way that this version does not know.
 * @throws {PortabilityError} `ERR_FACTS_PACKED_INVALID`.
 */
export function unpack({ encoding, size, data }: Packed, what: string): Uint8Array | undefined {
  if (encoding !== 'zlib') return undefined;
  try {
    return inflate(decodeBase64(data), size);
  } catch (cause) {
    throw new PortabilityError('ERR_FACTS_PACKED_INVALID', `${what} of the kernel facts cannot be unpacked`, {
      hint: 'Export the facts again on the node: bpfship facts',
      cause,
    });
  }
}

/** Opens a list of sorted names, each ended by a line feed. Nothing is unpacked before the first question. */
export function openNameList(packed: Packed, what: string): NameList {
  let opened: readonly string[] | undefined;
  const names = (): readonly string[] => (opened ??= takeApart(unpack(packed, what)));
  return {
    has: (name) => names()[firstFrom(names(), name)] === name,
    begins: (head) => names()[firstFrom(names(), head)]?.startsWith(head) ?? false,
    matches(pattern) {
      const [head = ''] = pattern.split(/[*?]/, 1);
      const candidates = names().slice(firstFrom(names(), head));
      const end = candidates.findIndex((name) => !name.startsWith(head));
      return candidates.slice(0, end < 0 ? undefined : end).some((name) => matchesPattern(name, pattern));
    },
  };
}

/** Searching needs them in order, so a list that is not is put in order. */
function takeApart(bytes: Uint8Array = new Uint8Array()): readonly string[] {
  const names = new TextDecoder('latin1').decode(bytes).split('\n');
  names.pop();
  const sorted = names.every((name, i) => i === 0 || (names[i - 1] ?? '') <= name);
  return sorted ? names : names.sort();
}

/** The first place whose name does not come before. */
function firstFrom(names: readonly string[], name: string): number {
  let low = 0;
  let high = names.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((names[middle] ?? '') < name) low = middle + 1;
    else high = middle;
  }
  return low;
}
