/** One section of an ELF file. `data` is a view into the file, empty where the section holds no bytes (`.bss`). */
export interface ElfSection {
  readonly index: number;
  readonly name: string;
  /** `sh_type`, e.g. 1 for SHT_PROGBITS. */
  readonly type: number;
  /** `sh_flags`. */
  readonly flags: number;
  /** In bytes from the start of the file. */
  readonly offset: number;
  /** In bytes; of `.bss` too. */
  readonly size: number;
  readonly link: number;
  readonly info: number;
  /** Size of one record in bytes, 0 where the section holds no table. */
  readonly entrySize: number;
  readonly data: Uint8Array;
}

/** One entry of the symbol table. */
export interface ElfSymbol {
  readonly index: number;
  readonly name: string;
  /** In bytes from the start of its section. */
  readonly value: number;
  /** In bytes. */
  readonly size: number;
  readonly binding: 'local' | 'global' | 'weak' | 'other';
  readonly type: 'none' | 'object' | 'function' | 'section' | 'file' | 'other';
  readonly hidden: boolean;
  /** 0 = undefined; 0xfff1 = absolute, 0xfff2 = common. */
  readonly sectionIndex: number;
}

/** One REL record. */
export interface ElfRelocation {
  /** In bytes from the start of the section that it changes. */
  readonly offset: number;
  /** R_BPF_*: 1 = 64_64 (ld_imm64), 2 = 64_ABS64, 3 = 64_ABS32, 4 = 64_NODYLD32, 10 = 64_32 (call). */
  readonly type: number;
  readonly symbol: ElfSymbol;
}

/** A BPF object file as ELF. */
export interface ElfFile {
  readonly littleEndian: boolean;
  readonly sections: readonly ElfSection[];
  readonly symbols: readonly ElfSymbol[];
  /** Index of the section that is changed → its records, in offset order. */
  readonly relocations: ReadonlyMap<number, readonly ElfRelocation[]>;
}

/** `sh_type` values that this package looks at (ELF gABI, "Sections"). */
export const SHT_PROGBITS = 1;
export const SHT_SYMTAB = 2;
export const SHT_STRTAB = 3;
export const SHT_RELA = 4;
export const SHT_NOBITS = 8;
export const SHT_REL = 9;
/** Bytes of one symbol in a table of symbols. */
export const SYMBOL_SIZE = 24;
/** `sh_flags`: the section holds instructions. */
export const SHF_EXECINSTR = 4;
/** `sh_flags`: the section is compressed. */
export const SHF_COMPRESSED = 0x800;

/** The first section of that name. */
export function findSection(elf: ElfFile, name: string): ElfSection | undefined {
  return elf.sections.find((section) => section.name === name);
}
