import { ByteReader } from '../byte-reader.ts';
import type { Btf } from '../btf/btf.ts';
import { CORE_RELOCATION_KINDS, type CoreRelocation } from '../core/relocation.ts';
import { BpfObjectError } from '../errors.ts';

/** A function's BTF id, by place. */
export interface FunctionInfo {
  /** ELF section. */
  section: string;
  /** In bytes. */
  offset: number;
  typeId: number;
}

/** The source line of an instruction. */
export interface LineInfo {
  section: string;
  /** In bytes. */
  offset: number;
  /** From 1. */
  line: number;
  column: number;
  /** String offsets into the BTF: the file's name and the line's text. */
  fileNameOffset: number;
  lineOffset: number;
}

/** A CO-RE relocation record, by place. */
export interface CoreRelocationRecord extends CoreRelocation {
  section: string;
  /** In bytes. */
  offset: number;
  /** Position among the records of its section, from 0. */
  index: number;
}

/** The content of `.BTF.ext`. */
export interface BtfExt {
  functions: FunctionInfo[];
  lines: LineInfo[];
  relocations: CoreRelocationRecord[];
}

const MAX_ACCESS = 1024;

function invalid(message: string, offset: number): BpfObjectError {
  return new BpfObjectError('ERR_BTF_EXT_INVALID', message, {
    section: '.BTF.ext',
    offset,
    rule: 'Documentation/bpf/btf.rst, ".BTF.ext section"',
  });
}

/** Parses `.BTF.ext`, whose strings are those of `btf`. Errors: `ERR_BTF_EXT_INVALID`, `ERR_BTF_INVALID`. */
export function parseBtfExt(bytes: Uint8Array, btf: Btf): BtfExt {
  const reader = new ByteReader(bytes, btf.littleEndian, '.BTF.ext', 'ERR_BTF_EXT_INVALID');
  if (reader.u16(0) !== 0xeb9f) throw invalid('this does not start with eb9f in the byte order of .BTF', 0);
  if (reader.u8(2) !== 1) throw invalid(`version ${reader.u8(2)} is not 1`, 2);
  const headerSize = reader.u32(4);
  if (headerSize < 24) throw invalid(`a header of ${headerSize} bytes is too short`, 4);
  const walk = (at: number, minSize: number, visit: Visit): void => {
    const length = reader.u32(at + 4);
    if (length > 0) walkRecords(reader, btf, { start: headerSize + reader.u32(at), length, minSize }, visit);
  };
  const ext: BtfExt = { functions: [], lines: [], relocations: [] };
  walk(8, 8, ({ section, at }) => {
    ext.functions.push({ section, offset: reader.u32(at), typeId: reader.u32(at + 4) });
  });
  walk(16, 16, ({ section, at }) => {
    const place = reader.u32(at + 12);
    const [offset, fileNameOffset, lineOffset] = [reader.u32(at), reader.u32(at + 4), reader.u32(at + 8)];
    ext.lines.push({ section, offset, line: place >>> 10, column: place & 0x3ff, fileNameOffset, lineOffset });
  });
  if (headerSize < 32) return ext;
  walk(24, 16, ({ section, at, index }) => {
    const kind = CORE_RELOCATION_KINDS[reader.u32(at + 12)];
    if (kind === undefined) throw invalid(`relocation kind ${reader.u32(at + 12)} is not known`, at + 12);
    const access = btf.text(reader.u32(at + 8), MAX_ACCESS);
    ext.relocations.push({ section, offset: reader.u32(at), typeId: reader.u32(at + 4), access, kind, index });
  });
  return ext;
}

type Visit = (record: { section: string; at: number; index: number }) => void;

/** A subsection: the size of a record, then for each ELF section its name, the number of its records, and the records. */
function walkRecords(
  reader: ByteReader,
  btf: Btf,
  part: { start: number; length: number; minSize: number },
  visit: Visit,
): void {
  const end = part.start + part.length;
  if (part.start % 4 !== 0) throw invalid('records do not start at a multiple of 4', part.start);
  reader.need(part.start, part.length);
  const size = reader.u32(part.start);
  if (size < part.minSize || size % 4 !== 0) throw invalid(`records of ${size} bytes are too short`, part.start);
  let at = part.start + 4;
  if (at >= end) throw invalid('there are no records', at);
  while (at < end) {
    if (at + 8 > end) throw invalid('a section header does not fit', at);
    const section = btf.text(reader.u32(at));
    const count = reader.u32(at + 4);
    at += 8;
    if (count === 0 || at + count * size > end) throw invalid(`${count} records of ${section} do not fit`, at);
    for (let index = 0; index < count; index++) visit({ section, at: at + index * size, index });
    at += count * size;
  }
}
