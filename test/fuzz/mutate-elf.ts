import { readElf, type ElfSection } from '@bpfship/bpf-object';
import { mutateBtf, typePositions } from './mutate-btf.ts';
import { interesting, pick, type Random } from './mutate.ts';

/** A BPF object, taken apart once, so that mutations hit what means something. */
export interface ElfSeed {
  bytes: Uint8Array;
  /** Offset of the section headers. */
  headers: number;
  sections: readonly ElfSection[];
  code: readonly ElfSection[];
  symbols: ElfSection | undefined;
  relocations: readonly ElfSection[];
  btf: ElfSection | undefined;
  btfExt: ElfSection | undefined;
  /** Offsets in the file of the records of types. */
  types: readonly number[];
}

/** Fields of the ELF header, of a section header, of a symbol and of a relocation: offset and bytes. */
const HEADER: readonly Field[] = [
  [4, 1],
  [5, 1],
  [16, 2],
  [18, 2],
  [40, 8],
  [58, 2],
  [60, 2],
  [62, 2],
];
const SECTION: readonly Field[] = [
  [0, 4],
  [4, 4],
  [8, 8],
  [24, 8],
  [32, 8],
  [40, 4],
  [44, 4],
  [56, 8],
];
const SYMBOL: readonly Field[] = [
  [0, 4],
  [4, 1],
  [5, 1],
  [6, 2],
  [8, 8],
  [16, 8],
];
const RELOCATION: readonly Field[] = [
  [0, 8],
  [8, 4],
  [12, 4],
];
/** Of `.BTF.ext`, after the four bytes at its start. */
const EXT_WORDS = 7;

type Field = readonly [offset: number, bytes: 1 | 2 | 4 | 8];

/** Operations that programs are made of: every class, with and without registers, atomics and calls. */
const OPERATIONS = [
  0x05, 0x06, 0x07, 0x0f, 0x15, 0x1d, 0x18, 0x20, 0x2d, 0x30, 0x40, 0x55, 0x57, 0x61, 0x62, 0x63, 0x65, 0x67, 0x69,
  0x71, 0x77, 0x79, 0x7a, 0x7b, 0x81, 0x84, 0x85, 0x87, 0x8d, 0x95, 0x9f, 0xa5, 0xb4, 0xb7, 0xbc, 0xbf, 0xc3, 0xc5,
  0xc7, 0xd4, 0xd7, 0xdb, 0xdc, 0xe5,
];

/** Takes an object apart. */
export function openElfSeed(bytes: Uint8Array): ElfSeed {
  const { sections } = readElf(bytes);
  const btf = sections.find(({ name }) => name === '.BTF');
  return {
    bytes,
    headers: Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(40, true)),
    sections,
    code: sections.filter(({ flags, data }) => (flags & 4) !== 0 && data.length >= 8),
    symbols: sections.find(({ type }) => type === 2),
    relocations: sections.filter(({ type, size }) => type === 9 && size >= 16),
    btf,
    btfExt: sections.find(({ name }) => name === '.BTF.ext'),
    types: btf === undefined ? [] : typePositions(btf.data).map((at) => at + btf.offset),
  };
}

/** One to four changes of fields: of headers, symbols, relocations, instructions, types and their records. */
export function mutateElf(seed: ElfSeed, random: Random): Uint8Array {
  const bytes = seed.bytes.slice();
  const view = new DataView(bytes.buffer);
  for (let change = random(4); change >= 0; change--) mutateOnce(seed, bytes, view, random);
  return bytes;
}

function mutateOnce(seed: ElfSeed, bytes: Uint8Array, view: DataView, random: Random): void {
  switch (random(16)) {
    case 0:
      writeField(view, 0, pick(HEADER, random), random);
      return;
    case 1:
    case 2:
      mutateSection(seed, view, random);
      return;
    case 3:
    case 4:
      if (seed.symbols) mutateRecord(view, seed.symbols, 24, SYMBOL, random);
      return;
    case 5:
    case 6:
      if (seed.relocations.length > 0) mutateRecord(view, pick(seed.relocations, random), 16, RELOCATION, random);
      return;
    case 7:
    case 8:
    case 9:
    case 10:
      mutateInstruction(seed, bytes, view, random);
      return;
    case 11:
    case 12:
      if (seed.btf) mutateBtf(view, seed.btf.offset, seed.types, random);
      return;
    case 13:
    case 14:
      mutateExt(seed, view, random);
      return;
    default: {
      const { offset, data } = pick(seed.sections, random);
      if (data.length > 0) bytes[offset + random(data.length)] = random(256);
    }
  }
}

/** Fields often take what another section has there, so that sections overlap and stand for one another. */
function mutateSection({ headers, sections }: ElfSeed, view: DataView, random: Random): void {
  const [offset, size] = pick(SECTION, random);
  const at = headers + 64 * random(sections.length) + offset;
  const from = headers + 64 * random(sections.length) + offset;
  if (random(2) === 0) write(view, at, size, read(view, from, size));
  else writeField(view, at, [0, size], random);
}

function mutateRecord(view: DataView, table: ElfSection, size: number, fields: readonly Field[], random: Random): void {
  const count = Math.floor(table.data.length / size);
  if (count === 0) return;
  const field = pick(fields, random);
  const at = table.offset + size * random(count);
  const from = table.offset + size * random(count);
  if (random(2) === 0) write(view, at + field[0], field[1], read(view, from + field[0], field[1]));
  else writeField(view, at, field, random);
}

function mutateInstruction({ code }: ElfSeed, bytes: Uint8Array, view: DataView, random: Random): void {
  if (code.length === 0) return;
  const { offset, data } = pick(code, random);
  const slots = data.length >> 3;
  const at = offset + 8 * random(slots);
  switch (random(6)) {
    case 0:
      bytes[at] = pick(OPERATIONS, random);
      return;
    case 1:
      bytes[at + 1] = random(4) === 0 ? random(256) : random(11) | (random(11) << 4);
      return;
    case 2:
      // A jump that stays near, or goes anywhere.
      view.setInt16(at + 2, random(2) === 0 ? random(2 * slots) - slots : (interesting(random) << 16) >> 16, true);
      return;
    case 3:
      view.setInt32(at + 4, random(2) === 0 ? random(256) : interesting(random) | 0, true);
      return;
    default:
      bytes.copyWithin(at, offset + 8 * random(slots), offset + 8 * random(slots) + 8 * (1 + random(3)));
  }
}

function mutateExt({ btfExt, types }: ElfSeed, view: DataView, random: Random): void {
  if (!btfExt || btfExt.data.length < 32) return;
  const words = btfExt.data.length >> 2;
  // The header, or the words of the records.
  const at = btfExt.offset + 4 * (random(4) === 0 ? 1 + random(EXT_WORDS) : 8 + random(Math.max(1, words - 8)));
  const value = [random(64), random(types.length + 2), random(4096), interesting(random)][random(4)] ?? 0;
  if (at + 4 <= view.byteLength) view.setUint32(at, value, true);
}

function writeField(view: DataView, at: number, [offset, size]: Field, random: Random): void {
  const before = read(view, at + offset, size);
  const near = before + BigInt(random(17) - 8);
  write(view, at + offset, size, random(2) === 0 ? near : BigInt(interesting(random)) << (random(8) === 0 ? 32n : 0n));
}

function read(view: DataView, at: number, size: Field[1]): bigint {
  if (at + size > view.byteLength) return 0n;
  if (size === 8) return view.getBigUint64(at, true);
  if (size === 4) return BigInt(view.getUint32(at, true));
  return BigInt(size === 2 ? view.getUint16(at, true) : view.getUint8(at));
}

function write(view: DataView, at: number, size: Field[1], value: bigint): void {
  if (at + size > view.byteLength) return;
  if (size === 8) view.setBigUint64(at, BigInt.asUintN(64, value), true);
  else if (size === 4) view.setUint32(at, Number(BigInt.asUintN(32, value)), true);
  else if (size === 2) view.setUint16(at, Number(BigInt.asUintN(16, value)), true);
  else view.setUint8(at, Number(BigInt.asUintN(8, value)));
}
