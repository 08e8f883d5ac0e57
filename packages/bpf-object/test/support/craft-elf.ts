/** A section of a crafted file. */
export interface CraftedSection {
  name: string;
  /** `sh_type`. Default SHT_PROGBITS. */
  type?: number;
  /** `sh_flags`. Default none. */
  flags?: number;
  data?: Uint8Array;
  /** Default: the length of `data`. */
  size?: bigint;
  link?: number;
  info?: number;
}

/** A symbol of a crafted file. */
export interface CraftedSymbol {
  name: string;
  /** `st_info`: binding in the upper, type in the lower half. */
  info: number;
  /** Index among the given sections, from 1; 0 = undefined. */
  section: number;
  value?: bigint;
  size?: bigint;
}

/** A relocation: changes the section (index from 1) at the offset. */
export interface CraftedRelocation {
  section: number;
  offset: bigint;
  type: number;
  /** Index among the given symbols, from 0. */
  symbol: number;
}

/** `st_info` of a global function, a global object and a global extern. */
export const GLOBAL_FUNCTION = 0x12;
export const GLOBAL_OBJECT = 0x11;
export const GLOBAL_EXTERN = 0x10;
/** `sh_flags` of a section of programs: allocated, executable. */
export const CODE = 6;

/** Writes a BPF object of any sections and symbols, also of such that no compiler would write. Little endian. */
export function craftElf(
  given: readonly CraftedSection[],
  symbols: readonly CraftedSymbol[] = [],
  relocations: readonly CraftedRelocation[] = [],
): Uint8Array {
  const names = new Strings();
  const symbolNames = new Strings();
  const symbolTable = new Uint8Array((symbols.length + 1) * 24);
  const view = new DataView(symbolTable.buffer);
  for (const [index, { name, info, section, value = 0n, size = 0n }] of symbols.entries()) {
    const at = (index + 1) * 24;
    view.setUint32(at, symbolNames.add(name), true);
    view.setUint8(at + 4, info);
    view.setUint16(at + 6, section, true);
    view.setBigUint64(at + 8, value, true);
    view.setBigUint64(at + 16, size, true);
  }
  const symtab = given.length + 1;
  const sections: CraftedSection[] = [
    { name: '', type: 0 },
    ...given,
    { name: '.symtab', type: 2, data: symbolTable, link: symtab + 1 },
    { name: '.strtab', type: 3 },
    ...relocationSections(relocations, symtab, given),
  ];
  const strtab = sections[symtab + 1];
  if (strtab) strtab.data = symbolNames.bytes();
  return layOut(sections, names);
}

function relocationSections(
  relocations: readonly CraftedRelocation[],
  symtab: number,
  given: readonly CraftedSection[],
): CraftedSection[] {
  const bySection = Map.groupBy(relocations, ({ section }) => section);
  return [...bySection].map(([section, records]) => {
    const data = new Uint8Array(records.length * 16);
    const view = new DataView(data.buffer);
    for (const [index, { offset, type, symbol }] of records.entries()) {
      view.setBigUint64(index * 16, offset, true);
      view.setUint32(index * 16 + 8, type, true);
      view.setUint32(index * 16 + 12, symbol + 1, true);
    }
    return { name: `.rel${given[section - 1]?.name ?? ''}`, type: 9, data, link: symtab, info: section };
  });
}

function layOut(sections: readonly CraftedSection[], names: Strings): Uint8Array {
  const all: CraftedSection[] = [...sections, { name: '.shstrtab', type: 3 }];
  const nameOffsets = all.map(({ name }) => names.add(name));
  const last = all.at(-1);
  if (last) last.data = names.bytes();
  let end = 64;
  const offsets = all.map(({ data }) => {
    const at = end;
    end = (end + (data?.length ?? 0) + 7) & ~7;
    return at;
  });
  const bytes = new Uint8Array(end + all.length * 64);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 1, true);
  view.setUint16(18, 247, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(40, BigInt(end), true);
  view.setUint16(52, 64, true);
  view.setUint16(58, 64, true);
  // gABI: numbers from 0xff00 on stand in section 0.
  const many = all.length >= 0xff00;
  view.setUint16(60, many ? 0 : all.length, true);
  view.setUint16(62, many ? 0xffff : all.length - 1, true);
  for (const [index, section] of all.entries()) {
    const at = end + index * 64;
    const { type = 1, flags = 0, data = new Uint8Array(0), size, link = 0, info = 0 } = section;
    bytes.set(data, offsets[index]);
    view.setUint32(at, nameOffsets[index] ?? 0, true);
    view.setUint32(at + 4, type, true);
    view.setBigUint64(at + 8, BigInt(flags), true);
    view.setBigUint64(at + 24, BigInt(offsets[index] ?? 0), true);
    const isFirst = index === 0 && many;
    view.setBigUint64(at + 32, isFirst ? BigInt(all.length) : (size ?? BigInt(data.length)), true);
    view.setUint32(at + 40, isFirst ? all.length - 1 : link, true);
    view.setUint32(at + 44, info, true);
    view.setBigUint64(at + 56, type === 2 ? 24n : type === 9 ? 16n : 0n, true);
  }
  return bytes;
}

/** A string table; each string once. */
class Strings {
  readonly #offsets = new Map<string, number>([['', 0]]);
  readonly #parts: string[] = ['\0'];
  #length = 1;

  add(text: string): number {
    const known = this.#offsets.get(text);
    if (known !== undefined) return known;
    const at = this.#length;
    this.#offsets.set(text, at);
    this.#parts.push(`${text}\0`);
    this.#length += text.length + 1;
    return at;
  }

  bytes(): Uint8Array {
    return new TextEncoder().encode(this.#parts.join(''));
  }
}

/** Bytes of instructions: `[code, registers, offset, immediate]` each. */
export function code(instructions: readonly (readonly [number, number, number, number])[]): Uint8Array {
  const bytes = new Uint8Array(instructions.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [index, [operation, registers, offset, immediate]] of instructions.entries()) {
    view.setUint8(index * 8, operation);
    view.setUint8(index * 8 + 1, registers);
    view.setInt16(index * 8 + 2, offset, true);
    view.setInt32(index * 8 + 4, immediate, true);
  }
  return bytes;
}
