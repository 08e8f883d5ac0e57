import { ByteReader } from '../byte-reader.ts';
import { BpfObjectError } from '../errors.ts';
import { Btf } from './btf.ts';
import { KNOWN_LAYOUT, readWords, scanTypes, type KindLayout } from './scan-types.ts';
import { validateTypes } from './validate-types.ts';

const MAGIC = 0xeb9f;
const MIN_HEADER = 24;
/** From this header size on, the BTF describes the layout of its kinds (libbpf 1.8). */
const LAYOUT_HEADER = 32;

/** Options of {@link parseBtf}. */
export interface ParseBtfOptions {
  /** The BTF that this one continues (a module's BTF continues vmlinux). Default: none. */
  base?: Btf;
  /** In bytes. Default: guessed from the types, as libbpf does. */
  pointerSize?: number;
  /** Whether all that types refer to is checked at once, as libbpf does. Default: false, what does not exist is an error where it is asked for. */
  validate?: boolean;
}

function invalid(message: string, offset: number): BpfObjectError {
  return new BpfObjectError('ERR_BTF_INVALID', message, {
    section: 'the BTF header',
    offset,
    rule: 'Documentation/bpf/btf.rst, "BTF Type and String Encoding"',
    hint: 'For a kernel: read /sys/kernel/btf/vmlinux again. For an object: compile it again with -g.',
  });
}

/**
 * Parses BTF (the bytes of `.BTF` or of a file in /sys/kernel/btf). Checks the header and every record's bounds in one pass;
 * types are decoded on demand. Errors: `ERR_BTF_INVALID`.
 */
export function parseBtf(bytes: Uint8Array, options: ParseBtfOptions = {}): Btf {
  const littleEndian = readByteOrder(bytes);
  const reader = new ByteReader(bytes, littleEndian, 'the BTF header', 'ERR_BTF_INVALID');
  if (reader.u8(2) !== 1) throw invalid(`version ${reader.u8(2)} is not 1`, 2);
  const headerSize = reader.u32(4);
  if (headerSize < MIN_HEADER || headerSize > bytes.length)
    throw invalid(`a header of ${headerSize} bytes does not fit`, 4);
  const typesStart = headerSize + reader.u32(8);
  const typesEnd = typesStart + reader.u32(12);
  const stringsStart = headerSize + reader.u32(16);
  const stringsEnd = stringsStart + reader.u32(20);
  if (typesEnd > bytes.length || stringsEnd > bytes.length) {
    throw invalid(`types end at ${typesEnd} and strings at ${stringsEnd}, but there are ${bytes.length} bytes`, 8);
  }
  if (typesStart % 4 !== headerSize % 4) throw invalid('the types do not start at a multiple of 4', 8);
  if (typesEnd > stringsStart) throw invalid(`types end at ${typesEnd}, after strings start at ${stringsStart}`, 16);
  const strings = bytes.subarray(stringsStart, stringsEnd);
  if (options.base === undefined && strings[0] !== 0) throw invalid('the strings do not start with an empty one', 16);
  if (strings.length > 0 && strings[strings.length - 1] !== 0) throw invalid('the strings do not end with NUL', 20);
  const words = readWords(bytes, typesStart, typesEnd, littleEndian);
  const sections = {
    words,
    length: typesEnd - typesStart,
    stringsLimit: (options.base?.stringsLength ?? 0) + strings.length,
  };
  const scanned = scanTypes(sections, headerSize >= LAYOUT_HEADER ? readLayout(reader, headerSize) : KNOWN_LAYOUT);
  if (options.validate === true) {
    validateTypes({
      words,
      positions: scanned.positions,
      firstId: options.base?.typeCount ?? 1,
      stringsLimit: sections.stringsLimit,
      isPrototypeInBase: (id) => options.base?.kindOf(id) === 'func_proto',
    });
  }
  return new Btf({
    bytes,
    littleEndian,
    words,
    scanned,
    strings,
    base: options.base,
    pointerSize: options.pointerSize,
  });
}

function readByteOrder(bytes: Uint8Array): boolean {
  const reader = new ByteReader(bytes, true, 'the BTF header', 'ERR_BTF_INVALID');
  reader.need(0, MIN_HEADER);
  if (reader.u16(0) === MAGIC) return true;
  if (reader.u16(0) === 0x9feb) return false;
  throw invalid(`this is not BTF: it does not start with ${MAGIC.toString(16)}`, 0);
}

/** Kinds from the future can be skipped where the BTF itself says how long they are. */
function readLayout(reader: ByteReader, headerSize: number): KindLayout {
  const start = headerSize + reader.u32(24);
  const length = reader.u32(28);
  const fixed = [...KNOWN_LAYOUT.fixed];
  const element = [...KNOWN_LAYOUT.element];
  const kinds = Math.min(length / 4, 128);
  for (let kind = fixed.length; kind < kinds; kind++) {
    fixed.push(reader.u8(start + kind * 4));
    element.push(reader.u8(start + kind * 4 + 1));
  }
  return { fixed, element };
}
