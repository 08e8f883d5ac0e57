/** A program of an object that is written. */
export interface CodeToWrite {
  /** Name of the function; unique in the object. */
  name: string;
  /** Name of the section, by which libbpf knows what it is for. */
  section: string;
  code: Uint8Array;
}

/** elf.h */
const [ET_REL, EM_BPF] = [1, 247];
const [SHT_PROGBITS, SHT_SYMTAB, SHT_STRTAB] = [1, 2, 3];
const [SHF_WRITE, SHF_ALLOC, SHF_EXECINSTR] = [1, 2, 4];
/** STB_GLOBAL and STT_FUNC. */
const GLOBAL_FUNCTION = 0x12;
const [HEADER_SIZE, SECTION_HEADER_SIZE, SYMBOL_SIZE] = [64, 64, 24];

interface Section {
  name: string;
  type: number;
  flags?: number;
  link?: number;
  info?: number;
  entrySize?: number;
  content: Uint8Array;
}

/**
 * Writes a relocatable ELF object for BPF, little endian, without BTF and relocations: descriptors of maps stand in the code, since who loads
 * it is this process. Programs of the same section follow one another in it, as compilers write them.
 */
export function writeObject(programs: readonly CodeToWrite[], license: string): Uint8Array {
  const strings = new Strings();
  const code = [...Map.groupBy(programs, ({ section }) => section)];
  const first = 4;
  const symbols = code.flatMap(([, members], i) => symbolsOf(members, first + i, strings));
  const sections: Section[] = [
    { name: '', type: 0, content: new Uint8Array() },
    { name: '.strtab', type: SHT_STRTAB, content: new Uint8Array() },
    {
      name: '.symtab',
      type: SHT_SYMTAB,
      link: 1,
      // The first symbol is none, the others are global.
      info: 1,
      entrySize: SYMBOL_SIZE,
      content: Buffer.concat([Buffer.alloc(SYMBOL_SIZE), ...symbols]),
    },
    { name: 'license', type: SHT_PROGBITS, flags: SHF_WRITE | SHF_ALLOC, content: Buffer.from(`${license}\0`) },
    ...code.map(([name, members]) => ({
      name,
      type: SHT_PROGBITS,
      flags: SHF_ALLOC | SHF_EXECINSTR,
      content: Buffer.concat(members.map((member) => member.code)),
    })),
  ];
  const names = sections.map(({ name }) => strings.add(name));
  sections[1] = { name: '.strtab', type: SHT_STRTAB, content: strings.bytes() };
  return layOut(sections, names);
}

function symbolsOf(members: readonly CodeToWrite[], section: number, strings: Strings): Buffer[] {
  let offset = 0;
  return members.map(({ name, code }) => {
    const symbol = Buffer.alloc(SYMBOL_SIZE);
    symbol.writeUInt32LE(strings.add(name), 0);
    symbol.writeUInt8(GLOBAL_FUNCTION, 4);
    symbol.writeUInt16LE(section, 6);
    symbol.writeBigUInt64LE(BigInt(offset), 8);
    symbol.writeBigUInt64LE(BigInt(code.length), 16);
    offset += code.length;
    return symbol;
  });
}

/** Header, contents, table of sections. Everything is at offsets that 8 divides. */
function layOut(sections: readonly Section[], names: readonly number[]): Uint8Array {
  const parts: Buffer[] = [];
  let end = HEADER_SIZE;
  const headers = sections.map(({ type, flags = 0, link = 0, info = 0, entrySize = 0, content }, i) => {
    const header = Buffer.alloc(SECTION_HEADER_SIZE);
    if (i === 0) return header;
    header.writeUInt32LE(names[i] ?? 0, 0);
    header.writeUInt32LE(type, 4);
    header.writeBigUInt64LE(BigInt(flags), 8);
    header.writeBigUInt64LE(BigInt(end), 24);
    header.writeBigUInt64LE(BigInt(content.length), 32);
    header.writeUInt32LE(link, 40);
    header.writeUInt32LE(info, 44);
    header.writeBigUInt64LE(8n, 48);
    header.writeBigUInt64LE(BigInt(entrySize), 56);
    const padded = Math.ceil(content.length / 8) * 8;
    parts.push(Buffer.concat([content], padded));
    end += padded;
    return header;
  });
  const header = Buffer.alloc(HEADER_SIZE);
  // 64 bits, little endian, version 1.
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  header.writeUInt16LE(ET_REL, 16);
  header.writeUInt16LE(EM_BPF, 18);
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(BigInt(end), 40);
  header.writeUInt16LE(HEADER_SIZE, 52);
  header.writeUInt16LE(SECTION_HEADER_SIZE, 58);
  header.writeUInt16LE(sections.length, 60);
  header.writeUInt16LE(1, 62);
  return Buffer.concat([header, ...parts, ...headers]);
}

/** A table of strings, each of which ends with a zero. */
class Strings {
  readonly #parts: Buffer[] = [Buffer.alloc(1)];
  #length = 1;

  /** @returns where it begins. */
  add(text: string): number {
    if (text === '') return 0;
    const bytes = Buffer.from(`${text}\0`);
    const at = this.#length;
    this.#parts.push(bytes);
    this.#length += bytes.length;
    return at;
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#parts);
  }
}
