import { BpfObjectError } from '../errors.ts';

/** Bytes after the common 12 of a type: a fixed part and one part per element (`vlen`), by kind (linux/btf.h). */
const FIXED_BYTES = [0, 4, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 4, 0, 0];
const ELEMENT_BYTES = [0, 0, 0, 0, 12, 12, 8, 0, 0, 0, 0, 0, 0, 8, 0, 12, 0, 0, 0, 12];

/** Sizes of the records of each kind, from the BTF's own layout table; kinds that this package knows keep their own. */
export interface KindLayout {
  fixed: readonly number[];
  element: readonly number[];
}

/** The kinds that this package knows. */
export const KNOWN_LAYOUT: KindLayout = { fixed: FIXED_BYTES, element: ELEMENT_BYTES };

/** A BTF's types, and what bounds them. */
export interface BtfSections {
  /** The section of types as words of this machine's byte order. */
  words: Uint32Array;
  /** Bytes of the section; what is beyond the last whole word is an error. */
  length: number;
  /** One more than the highest valid string offset, with the base's strings counted in. */
  stringsLimit: number;
}

/** Larger than any record of a known kind. */
const UNKNOWN = 0xffff;

/** What one pass over all types finds. */
export interface ScannedTypes {
  /** Where each type starts: words from the start of the section. */
  positions: Uint32Array;
  /** Indexes into `positions` of the named types that are no code (see {@link isCode}). */
  named: Uint32Array;
}

/**
 * Whether types of this kind belong to code: functions, variables, sections, tags. A kernel has several times more of them than of all
 * other named types, and relocations never ask for them.
 */
export function isCode(kind: number): boolean {
  // func, var, datasec, decl_tag (linux/btf.h).
  return kind === 12 || kind === 14 || kind === 15 || kind === 17;
}

/**
 * Checks and finds all types in one pass. Typed arrays throughout: this loop runs before anything is optimized, over more than 100,000
 * types of a kernel.
 */
export function scanTypes({ words, length, stringsLimit }: BtfSections, layout: KindLayout): ScannedTypes {
  const fixed = new Uint16Array(128).fill(UNKNOWN);
  const element = new Uint16Array(128);
  for (let kind = 1; kind < layout.fixed.length; kind++) {
    fixed[kind] = layout.fixed[kind] ?? UNKNOWN;
    element[kind] = layout.element[kind] ?? 0;
  }
  const positions = new Uint32Array(Math.floor(length / 12));
  const named = new Uint32Array(positions.length);
  let count = 0;
  let names = 0;
  let at = 0;
  while (at < length) {
    if (at + 12 > length) throw invalid('a type does not end inside the section', at);
    if ((at & 3) !== 0) throw invalid('a type does not start at a multiple of 4', at);
    const position = at >>> 2;
    const info = words[position + 1] as number;
    // Kind is bits 24..30, vlen bits 0..23; old producers leave the bits that were added as 0.
    const kind = (info >>> 24) & 0x7f;
    const rest = fixed[kind] as number;
    if (rest === UNKNOWN) throw invalid(`kind ${kind} is not known`, at);
    const name = words[position] as number;
    if (name >= stringsLimit) throw invalid(`name offset ${name} is outside the strings`, at);
    if (name !== 0 && !isCode(kind)) named[names++] = count;
    positions[count++] = position;
    at += 12 + rest + (info & 0xff_ffff) * (element[kind] as number);
  }
  if (at !== length) throw invalid('the last type does not end inside the section', length);
  return { positions: positions.slice(0, count), named: named.slice(0, names) };
}

/**
 * The section of types as words of this machine's byte order: a view where that is possible, which it is for a kernel's own BTF, else a
 * copy.
 */
export function readWords(bytes: Uint8Array, start: number, end: number, littleEndian: boolean): Uint32Array {
  const count = (end - start) >>> 2;
  const native = new Uint8Array(new Uint16Array([1]).buffer)[0] === (littleEndian ? 1 : 0);
  if (native && (bytes.byteOffset + start) % 4 === 0)
    return new Uint32Array(bytes.buffer, bytes.byteOffset + start, count);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const words = new Uint32Array(count);
  for (let index = 0; index < count; index++) words[index] = view.getUint32(start + 4 * index, littleEndian);
  return words;
}

function invalid(message: string, offset: number): BpfObjectError {
  return new BpfObjectError('ERR_BTF_INVALID', message, {
    section: 'the BTF types',
    offset,
    rule: 'Documentation/bpf/btf.rst, "Type Section"',
    hint: 'For a kernel: read /sys/kernel/btf/vmlinux again. For an object: compile it again with -g.',
  });
}
