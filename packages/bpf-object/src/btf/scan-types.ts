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

/** Flags beside the sizes of a kind; see {@link shapesOf}. */
const CODE = 1 << 20;
const FUTURE = 1 << 21;

/**
 * By number of kind, all that the scan asks of it in one number: bytes of a record without elements in the low 12 bits, bytes of an element
 * in the next 8, then the flags. 0 for kinds that are not known.
 */
function shapesOf(layout: KindLayout): Uint32Array {
  const shapes = new Uint32Array(128);
  for (let kind = 1; kind < layout.fixed.length; kind++) {
    const sizes = (12 + (layout.fixed[kind] ?? 0)) | ((layout.element[kind] ?? 0) << 12);
    shapes[kind] = sizes | (isCode(kind) ? CODE : 0) | (kind < FIXED_BYTES.length ? 0 : FUTURE);
  }
  return shapes;
}

/**
 * Checks and finds all types in one pass. Typed arrays and few steps: this loop runs before anything is optimized, over more than 100,000
 * types of a kernel.
 */
export function scanTypes({ words, length, stringsLimit }: BtfSections, layout: KindLayout): ScannedTypes {
  const shapes = shapesOf(layout);
  const positions = new Uint32Array(Math.floor(length / 12));
  const named = new Uint32Array(positions.length);
  const last = length - 12;
  let count = 0;
  let names = 0;
  let at = 0;
  while (at <= last) {
    const position = at >>> 2;
    const info = words[position + 1] as number;
    // Kind is bits 24..30, vlen bits 0..23; old producers leave the bits that were added as 0.
    const shape = shapes[(info >>> 24) & 0x7f] as number;
    if (shape === 0) throw invalid(`kind ${(info >>> 24) & 0x7f} is not known`, at);
    const name = words[position] as number;
    if (name >= stringsLimit) throw invalid(`name offset ${name} is outside the strings`, at);
    if (name !== 0 && (shape & CODE) === 0) named[names++] = count;
    positions[count++] = position;
    at += (shape & 0xfff) + (info & 0xff_ffff) * ((shape >>> 12) & 0xff);
    if (shape >= FUTURE && at % 4 !== 0) throw invalid('a type does not end at a multiple of 4', position * 4);
  }
  if (at < length) throw invalid('a type does not end inside the section', at);
  if (at !== length) throw invalid('the last type does not end inside the section', length);
  // What lies behind is never touched, so it takes no memory.
  return { positions: positions.subarray(0, count), named: named.subarray(0, names) };
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
