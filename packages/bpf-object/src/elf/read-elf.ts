import { ByteReader } from '../byte-reader.ts';
import { BpfObjectError } from '../errors.ts';
import {
  SHF_COMPRESSED,
  SHT_NOBITS,
  SHT_STRTAB,
  SHT_SYMTAB,
  SYMBOL_SIZE,
  type ElfFile,
  type ElfSection,
  type ElfSymbol,
} from './elf-file.ts';
import { readElfHeader, type ElfHeader } from './read-header.ts';
import { readRelocations } from './read-relocations.ts';

const SECTION_HEADER_SIZE = 64;
const MAX_NAME = 4096;
/** Bytes of a record, by `sh_type` of tables: symbols, RELA, dynamic, REL, dynamic symbols, arrays of pointers, groups, indexes. */
const RECORD_SIZES: ReadonlyMap<number, number> = new Map([
  [2, 24],
  [4, 24],
  [6, 16],
  [9, 16],
  [11, 24],
  [14, 8],
  [15, 8],
  [16, 8],
  [17, 4],
  [18, 4],
]);

/** Names may overlap in a string table, so a small hostile file could ask for gigabytes of them: all of them share one budget. */
class NameBudget {
  #left: number;

  constructor(fileSize: number) {
    this.#left = 4 * fileSize + 65_536;
  }

  read(strings: ByteReader, offset: number): string {
    const name = strings.text(offset, MAX_NAME);
    this.#left -= name.length + 1;
    if (this.#left < 0) {
      throw new BpfObjectError('ERR_ELF_INVALID', 'the names of sections and symbols are longer than the file', {
        offset,
        section: 'the names',
        rule: 'the reader bounds its work by the size of the file',
      });
    }
    return name;
  }
}

/**
 * Reads a BPF object as ELF: sections, symbols and relocations, in either byte order.
 * Errors: `ERR_ELF_*`, naming section, offset and rule.
 */
export function readElf(bytes: Uint8Array): ElfFile {
  const header = readElfHeader(bytes);
  const budget = new NameBudget(bytes.length);
  const sections = readSections(header, budget);
  const symbols = readSymbols(header.reader, sections, budget);
  const relocations = readRelocations(header.reader, sections, symbols);
  return { littleEndian: header.reader.littleEndian, sections, symbols, relocations };
}

function readSections(
  { reader, sectionTable, sectionCount, nameSection }: ElfHeader,
  budget: NameBudget,
): ElfSection[] {
  const raw = Array.from({ length: sectionCount }, (_, index) => readSection(reader, sectionTable, index));
  const total = raw.reduce((sum, section) => sum + section.data.length, 0);
  if (total > reader.length) {
    throw new BpfObjectError('ERR_ELF_INVALID', `the sections hold ${total} bytes, the file only ${reader.length}`, {
      offset: sectionTable,
      rule: 'ELF gABI: sections do not overlap',
    });
  }
  const strings = raw[nameSection];
  if (strings === undefined) return [];
  if (strings.type !== SHT_STRTAB) {
    throw new BpfObjectError('ERR_ELF_INVALID', `the section of names (${nameSection}) holds no strings`, {
      offset: 62,
      rule: 'ELF gABI: e_shstrndx is the index of a string table; libelf reads no other (elf_strptr)',
    });
  }
  const names = new ByteReader(strings.data, reader.littleEndian, 'the section names', 'ERR_ELF_INVALID');
  return raw.map((section, index) => ({
    ...section,
    name: index === 0 ? '' : budget.read(names, reader.u32(sectionTable + index * SECTION_HEADER_SIZE)),
  }));
}

function readSection(reader: ByteReader, table: number, index: number): ElfSection {
  const at = table + index * SECTION_HEADER_SIZE;
  const type = reader.u32(at + 4);
  const flags = Number(reader.u64(at + 8) & 0xffff_ffffn);
  const offset = reader.size64(at + 24);
  const size = reader.size64(at + 32);
  const empty = type === 0 || type === SHT_NOBITS;
  if (!empty && offset + size > reader.length) {
    throw new BpfObjectError(
      'ERR_ELF_TRUNCATED',
      `section ${index} takes bytes ${offset} to ${offset + size}, but the file ends at ${reader.length}`,
      { offset: at, rule: 'ELF gABI: sections lie inside the file' },
    );
  }
  if (!empty && (flags & SHF_COMPRESSED) !== 0) {
    throw new BpfObjectError('ERR_ELF_UNSUPPORTED', `section ${index} is compressed`, {
      offset: at,
      rule: 'libbpf does not decompress sections',
    });
  }
  const record = RECORD_SIZES.get(type) ?? 1;
  if (size % record !== 0) {
    throw new BpfObjectError(
      'ERR_ELF_INVALID',
      `section ${index} of ${size} bytes holds no whole records of ${record}`,
      {
        offset: at,
        rule: 'ELF gABI: tables hold whole records',
      },
    );
  }
  return {
    index,
    name: '',
    type,
    flags,
    offset,
    size,
    link: reader.u32(at + 40),
    info: reader.u32(at + 44),
    entrySize: Number(reader.u64(at + 56) & 0xffff_ffffn),
    data: empty ? new Uint8Array(0) : reader.slice(offset, size),
  };
}

function readSymbols(reader: ByteReader, sections: readonly ElfSection[], budget: NameBudget): ElfSymbol[] {
  const tables = sections.filter((section) => section.type === SHT_SYMTAB);
  const table = tables[0];
  const strings = table === undefined ? undefined : sections[table.link];
  if (tables.length !== 1 || table === undefined || strings?.type !== SHT_STRTAB) {
    throw new BpfObjectError('ERR_ELF_INVALID', `the object has ${tables.length} symbol tables with names, not one`, {
      offset: table === undefined ? 0 : table.offset,
      rule: 'libbpf needs exactly one SHT_SYMTAB and its string table',
    });
  }
  if (table.size % SYMBOL_SIZE !== 0 || table.entrySize !== SYMBOL_SIZE) {
    throw new BpfObjectError('ERR_ELF_INVALID', `a symbol table of ${table.size} bytes holds no whole symbols`, {
      section: table.name,
      offset: 0,
      rule: `a symbol has ${SYMBOL_SIZE} bytes`,
    });
  }
  const records = new ByteReader(table.data, reader.littleEndian, 'the symbol table', 'ERR_ELF_TRUNCATED');
  const names = new ByteReader(strings.data, reader.littleEndian, 'the symbol names', 'ERR_ELF_INVALID');
  const count = table.size / SYMBOL_SIZE;
  return Array.from({ length: count }, (_, index) => readSymbol(records, names, index, sections, budget));
}

const BINDINGS = ['local', 'global', 'weak'] as const;
const TYPES = ['none', 'object', 'function', 'section', 'file'] as const;

function readSymbol(
  records: ByteReader,
  names: ByteReader,
  index: number,
  sections: readonly ElfSection[],
  budget: NameBudget,
): ElfSymbol {
  const at = index * SYMBOL_SIZE;
  const info = records.u8(at + 4);
  const sectionIndex = records.u16(at + 6);
  if (sectionIndex >= sections.length && sectionIndex < 0xff00) {
    throw new BpfObjectError(
      'ERR_ELF_INVALID',
      `symbol ${index} lies in section ${sectionIndex}, which does not exist`,
      {
        section: 'the symbol table',
        offset: at,
        rule: 'ELF gABI: st_shndx',
      },
    );
  }
  const type = TYPES[info & 0xf] ?? 'other';
  const nameOffset = records.u32(at);
  // Section symbols carry no name of their own: they stand for their section.
  const name =
    nameOffset === 0 && type === 'section' ? (sections[sectionIndex]?.name ?? '') : budget.read(names, nameOffset);
  return {
    index,
    name,
    value: records.size64(at + 8),
    size: records.size64(at + 16),
    binding: BINDINGS[info >> 4] ?? 'other',
    type,
    hidden: [1, 2].includes(records.u8(at + 5) & 3),
    sectionIndex,
  };
}
