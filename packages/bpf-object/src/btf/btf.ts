import { decodeText } from '../byte-reader.ts';
import { BpfObjectError } from '../errors.ts';
import { BTF_KINDS, type BtfKind, type BtfType } from './btf-type.ts';
import { decodeType } from './decode-type.ts';
import { essentialLength } from './essential-name.ts';
import { isCode, type ScannedTypes } from './scan-types.ts';
import { buildNameIndex, type NameIndex, type TypeNames } from './name-index.ts';

/** Decoded types kept for reuse: enough for one program's relocations, small beside the BTF itself. */
const CACHE_SIZE = 4096;
/** Characters of names in decoded types that are kept. Those of a whole kernel are a quarter of it. */
const MAX_CACHED_TEXT = 16_777_216;
/** In bytes; the kernel's own limit for symbols is 512. */
const MAX_NAME = 2048;
const LONG_NAMES = ['long', 'long int', 'unsigned long', 'long unsigned int', 'unsigned long int'];
const ENCODER = new TextEncoder();

/** Names are indexed in two parts, each at its first use: those of code, and all others. */
type NameClass = 'code' | 'type';

const ALL_CLASSES: readonly NameClass[] = ['code', 'type'];

function classOf(kind: BtfKind): NameClass {
  return isCode(BTF_KINDS.indexOf(kind as (typeof BTF_KINDS)[number])) ? 'code' : 'type';
}

/** What parsing found; see {@link parseBtf}. */
export interface BtfParts {
  bytes: Uint8Array;
  littleEndian: boolean;
  /** The section of types, in this machine's byte order. */
  words: Uint32Array;
  scanned: ScannedTypes;
  strings: Uint8Array;
  base: Btf | undefined;
  /** In bytes. Default: that of an integer named `long`, else 8, as libbpf guesses it. */
  pointerSize: number | undefined;
}

/**
 * The types of a kernel or object. Nothing is decoded until it is asked for; the name index is built at the first look-up by name.
 * Type ids count from 1; with a base (split BTF), the base's ids come first.
 */
export class Btf {
  readonly bytes: Uint8Array;
  readonly littleEndian: boolean;
  readonly base: Btf | undefined;
  /** One more than the highest type id. */
  readonly typeCount: number;
  /** Bytes of all strings, the base's counted in. */
  readonly stringsLength: number;
  readonly #words: Uint32Array;
  readonly #positions: Uint32Array;
  readonly #typesWithName: Uint32Array;
  readonly #strings: Uint8Array;
  readonly #firstId: number;
  readonly #firstString: number;
  readonly #cache: Map<number, BtfType> = new Map();
  readonly #indexes: Map<NameClass, NameIndex> = new Map();
  #pointerSize: number | undefined;
  /** Characters of names that were decoded into {@link #cache}. */
  #cachedText = 0;

  constructor(parts: BtfParts) {
    this.bytes = parts.bytes;
    this.littleEndian = parts.littleEndian;
    this.base = parts.base;
    this.#words = parts.words;
    this.#positions = parts.scanned.positions;
    this.#typesWithName = parts.scanned.named;
    this.#strings = parts.strings;
    this.#firstId = parts.base?.typeCount ?? 1;
    this.#firstString = parts.base?.stringsLength ?? 0;
    this.typeCount = this.#firstId + parts.scanned.positions.length;
    this.stringsLength = this.#firstString + parts.strings.length;
    this.#pointerSize = parts.pointerSize;
  }

  /** Size of a pointer in bytes, on the machine that the types are of. */
  get pointerSize(): number {
    this.#pointerSize ??= this.base?.pointerSize ?? this.#guessPointerSize();
    return this.#pointerSize;
  }

  /** The kind of a type. Errors: `ERR_BTF_INVALID` for an id that does not exist. */
  kindOf(id: number): BtfKind {
    if (id === 0) return 'void';
    if (id < this.#firstId && this.base !== undefined) return this.base.kindOf(id);
    return BTF_KINDS[((this.#words[this.#positionOf(id) + 1] ?? 0) >>> 24) & 0x7f] ?? 'unknown';
  }

  /** The name of a type, empty for anonymous ones. */
  nameOf(id: number): string {
    if (id === 0) return '';
    if (id < this.#firstId && this.base !== undefined) return this.base.nameOf(id);
    return this.text(this.#words[this.#positionOf(id)] ?? 0);
  }

  /** Where a type's record starts, in bytes from the start of the section of types that it is in. */
  offsetOf(id: number): number {
    if (id < this.#firstId && this.base !== undefined) return this.base.offsetOf(id);
    return id === 0 ? 0 : 4 * this.#positionOf(id);
  }

  /** The decoded type. Errors: `ERR_BTF_INVALID` for an id or name that does not exist. */
  type(id: number): BtfType {
    if (id === 0) return { kind: 'void', id: 0, name: '' };
    if (id < this.#firstId && this.base !== undefined) return this.base.type(id);
    const known = this.#cache.get(id);
    if (known !== undefined) return known;
    const type = decodeType({ words: this.#words, text: this.#textWithin(id) }, id, this.#positionOf(id));
    if (this.#cache.size >= CACHE_SIZE || this.#cachedText > MAX_CACHED_TEXT) {
      this.#cache.clear();
      this.#cachedText = 0;
    }
    this.#cache.set(id, type);
    return type;
  }

  /** Reads the names of one type. They may overlap, so a small hostile type could ask for gigabytes of them. */
  #textWithin(id: number): (offset: number) => string {
    let left = 4 * this.stringsLength + 65_536;
    return (offset) => {
      const text = this.text(offset);
      left -= text.length;
      this.#cachedText += text.length;
      if (left >= 0) return text;
      throw new BpfObjectError('ERR_BTF_INVALID', `the names in type ${id} are longer than all strings`, {
        section: 'the BTF types',
        offset: this.offsetOf(id),
        rule: 'the reader bounds its work by the size of the BTF',
      });
    };
  }

  /** The string at a BTF string offset, of at most `maxLength` bytes. */
  text(offset: number, maxLength: number = MAX_NAME): string {
    if (offset < this.#firstString && this.base !== undefined) return this.base.text(offset, maxLength);
    const start = offset - this.#firstString;
    let end = start;
    // The limit keeps a hostile BTF, all of whose names are one long string, from costing more than its own size times a constant.
    while (end - start <= maxLength && this.#strings[end] !== undefined && this.#strings[end] !== 0) end++;
    if (this.#strings[end] === 0) return decodeText(this.#strings.subarray(start, end));
    throw new BpfObjectError('ERR_BTF_INVALID', `no string of at most ${maxLength} bytes`, {
      section: 'the BTF strings',
      offset,
      rule: 'strings lie inside the section of strings and end with NUL',
    });
  }

  /** Ids of all types of exactly this name, rising. `kind` default: any. */
  typesNamed(name: string, kind?: BtfKind): number[] {
    const found = this.#search(name, kind === undefined ? ALL_CLASSES : [classOf(kind)]);
    return found.filter((id) => (kind === undefined || this.kindOf(id) === kind) && this.nameOf(id) === name);
  }

  /**
   * Ids of all types of this essential name, with or without a flavour (`name___v2`), rising. `kind`: those that are looked for may be left
   * out unless they are of a kind like this one. Default: any.
   */
  typesNamedEssentially(name: string, kind?: BtfKind): number[] {
    return this.#search(name, kind === undefined ? ALL_CLASSES : [classOf(kind)]);
  }

  /** Id of the first type of this name and kind. Errors: `ERR_BTF_TYPE_NOT_FOUND`. */
  require(name: string, kind?: BtfKind): number {
    const id = this.typesNamed(name, kind)[0];
    if (id !== undefined) return id;
    throw new BpfObjectError('ERR_BTF_TYPE_NOT_FOUND', `these types hold no ${kind ?? 'type'} named ${name}`, {
      hint: 'List what there is: bpftool btf dump file /sys/kernel/btf/vmlinux format raw',
    });
  }

  #search(name: string, classes: readonly NameClass[]): number[] {
    const bytes = ENCODER.encode(name);
    if (bytes.length === 0) return [];
    const essential = essentialLength(bytes, 0, bytes.length);
    const found = classes.map((part) => this.#named(bytes, essential, part));
    return found.length === 1 ? (found[0] ?? []) : found.flat().sort((a, b) => a - b);
  }

  #named(name: Uint8Array, essential: number, part: NameClass): number[] {
    const index = this.#indexes.get(part) ?? buildNameIndex(this.#typeNames(part));
    this.#indexes.set(part, index);
    const own = index.candidates(name, essential).map((found) => found + this.#firstId);
    return this.base === undefined ? own : [...this.base.#named(name, essential, part), ...own];
  }

  /** Own strings after the base's: names of split BTF may lie in either. */
  #allStrings(): Uint8Array {
    if (this.base === undefined) return this.#strings;
    const all = new Uint8Array(this.stringsLength);
    all.set(this.base.#allStrings());
    all.set(this.#strings, this.#firstString);
    return all;
  }

  /** The named own types of a class. */
  #typeNames(part: NameClass): TypeNames {
    return {
      types: part === 'type' ? this.#typesWithName : this.#findCode(),
      positions: this.#positions,
      words: this.#words,
      baseStrings: this.base === undefined ? new Uint8Array(0) : this.base.#allStrings(),
      strings: this.#strings,
    };
  }

  /** Indexes of the named types that are code. */
  #findCode(): Uint32Array {
    const found = new Uint32Array(this.#positions.length);
    let count = 0;
    // By index: iterators over typed arrays are several times slower until they are optimized, and this runs once per process.
    for (let index = 0; index < found.length; index++) {
      const at = this.#positions[index] as number;
      if (this.#words[at] !== 0 && isCode(((this.#words[at + 1] as number) >>> 24) & 0x7f)) found[count++] = index;
    }
    return found.slice(0, count);
  }

  #positionOf(id: number): number {
    const position = this.#positions[id - this.#firstId];
    if (position !== undefined) return position;
    throw new BpfObjectError('ERR_BTF_INVALID', `type ${id} does not exist; there are ${this.typeCount - 1}`, {
      section: 'the BTF types',
      offset: 4 * this.#words.length,
      rule: 'a type refers to types of the same BTF or its base',
    });
  }

  #guessPointerSize(): number {
    const longs = LONG_NAMES.flatMap((name) => this.typesNamed(name, 'int')).sort((a, b) => a - b);
    for (const id of longs) {
      const type = this.type(id);
      if (type.kind === 'int' && (type.size === 4 || type.size === 8)) return type.size;
    }
    return 8;
  }
}
