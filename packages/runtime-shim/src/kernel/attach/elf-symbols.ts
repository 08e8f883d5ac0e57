import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** include/uapi/linux/elf.h */
const SHT_SYMTAB = 2;
const SHT_DYNSYM = 11;
const STT_FUNC = 2;
const STB_GLOBAL = 1;
const SYMBOL_SIZE = 24;
/** Bytes of one section that are read: the largest browsers' symbol tables take some 100 MB. */
const MAX_SECTION = 512 * 1024 * 1024;
const MAX_SECTIONS = 100_000;

interface Section {
  type: number;
  address: bigint;
  offset: bigint;
  size: bigint;
  link: number;
}

/** A function of an executable or library. */
export interface FileFunction {
  name: string;
  /** In the file, in bytes. */
  offset: bigint;
  global: boolean;
}

/**
 * Functions of a 64-bit little-endian ELF file whose name a test accepts, with their places in the file (libbpf, elf_find_func_offset).
 * Only the tables that are needed are read. `undefined` where the file is no such file.
 */
export function findFileFunctions(path: string, accepts: (name: string) => boolean): FileFunction[] | undefined {
  const fd = openSync(path, 'r');
  try {
    const { size } = fstatSync(fd);
    const read = (offset: bigint, length: bigint): Buffer | undefined => {
      if (length > MAX_SECTION || offset + length > size) return undefined;
      const bytes = Buffer.alloc(Number(length));
      return readSync(fd, bytes, 0, bytes.length, Number(offset)) === bytes.length ? bytes : undefined;
    };
    const sections = readSections(read);
    if (sections === undefined) return undefined;
    const found = new Map<string, FileFunction>();
    for (const table of sections.filter(({ type }) => type === SHT_DYNSYM || type === SHT_SYMTAB)) {
      for (const each of readSymbols(read, sections, table, accepts)) found.set(`${each.name} ${each.offset}`, each);
    }
    return [...found.values()];
  } finally {
    closeSync(fd);
  }
}

type Reader = (offset: bigint, length: bigint) => Buffer | undefined;

function readSections(read: Reader): Section[] | undefined {
  const header = read(0n, 64n);
  // ELF, 64 bits, little-endian
  if (header?.subarray(0, 6).toString('latin1') !== '\x7fELF\x02\x01') return undefined;
  const [offset, entry, count] = [header.readBigUInt64LE(40), header.readUInt16LE(58), header.readUInt16LE(60)];
  if (entry !== 64 || count > MAX_SECTIONS) return undefined;
  const table = read(offset, BigInt(count * entry));
  if (table === undefined) return undefined;
  return Array.from({ length: count }, (_each, i) => ({
    type: table.readUInt32LE(i * entry + 4),
    address: table.readBigUInt64LE(i * entry + 16),
    offset: table.readBigUInt64LE(i * entry + 24),
    size: table.readBigUInt64LE(i * entry + 32),
    link: table.readUInt32LE(i * entry + 40),
  }));
}

function* readSymbols(
  read: Reader,
  sections: readonly Section[],
  { offset, size, link }: Section,
  accepts: (name: string) => boolean,
): Generator<FileFunction> {
  const names = sections[link];
  const symbols = read(offset, size);
  const strings = names && read(names.offset, names.size);
  if (symbols === undefined || strings === undefined) return;
  for (let at = 0; at + SYMBOL_SIZE <= symbols.length; at += SYMBOL_SIZE) {
    const info = symbols.readUInt8(at + 4);
    if ((info & 0xf) !== STT_FUNC) continue;
    const section = sections[symbols.readUInt16LE(at + 6)];
    const start = symbols.readUInt32LE(at);
    const end = strings.indexOf(0, start);
    if (section === undefined || section.type === 0 || end < start) continue;
    const name = strings.subarray(start, end).toString('latin1');
    if (!accepts(name)) continue;
    const value = symbols.readBigUInt64LE(at + 8);
    yield { name, offset: value - section.address + section.offset, global: info >> 4 === STB_GLOBAL };
  }
}
