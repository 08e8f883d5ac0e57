import type { BtfEnumerator, BtfKind, BtfMember, BtfType } from './btf-type.ts';
import { BTF_KINDS } from './btf-type.ts';

/** What decoding needs of a BTF. */
export interface TypeSource {
  /** The section of types. */
  words: Uint32Array;
  /** The string at a BTF string offset. */
  text(offset: number): string;
}

/** Where one record's parts lie. The scan has checked that all of them are inside the section. */
interface Record {
  source: TypeSource;
  id: number;
  name: string;
  /** Position of the words after the common three. */
  body: number;
  vlen: number;
  flag: boolean;
  /** The third word: a size in bytes or a type id. */
  sizeOrType: number;
}

const LINKAGES = ['static', 'global', 'extern'] as const;

/** Decodes the type record at the word `at`. */
export function decodeType(source: TypeSource, id: number, at: number): BtfType {
  const info = source.words[at + 1] ?? 0;
  const kind: BtfKind = BTF_KINDS[(info >>> 24) & 0x7f] ?? 'unknown';
  const record: Record = {
    source,
    id,
    name: source.text(source.words[at] ?? 0),
    body: at + 3,
    vlen: info & 0xff_ffff,
    flag: info >>> 31 === 1,
    sizeOrType: source.words[at + 2] ?? 0,
  };
  return decodeKind(kind, record);
}

function word(record: Record, index: number): number {
  return record.source.words[record.body + index] ?? 0;
}

function decodeKind(kind: BtfKind, record: Record): BtfType {
  const { id, name, sizeOrType } = record;
  switch (kind) {
    case 'int':
      return decodeInt(record);
    case 'ptr':
    case 'typedef':
    case 'volatile':
    case 'const':
    case 'restrict':
    case 'type_tag':
      return { kind, id, name, type: sizeOrType };
    case 'array':
      return { kind, id, name, elementType: word(record, 0), indexType: word(record, 1), length: word(record, 2) };
    case 'struct':
    case 'union':
      return { kind, id, name, size: sizeOrType, members: decodeMembers(record) };
    case 'enum':
    case 'enum64':
      return { kind, id, name, size: sizeOrType, signed: record.flag, values: decodeEnumerators(kind, record) };
    case 'fwd':
      return { kind, id, name, of: record.flag ? 'union' : 'struct' };
    case 'func':
      // The linkage stands where other kinds have their count.
      return { kind, id, name, type: sizeOrType, linkage: LINKAGES[record.vlen] ?? 'other' };
    case 'func_proto':
      return { kind, id, name, returnType: sizeOrType, parameters: decodeParameters(record) };
    case 'var':
      return { kind, id, name, type: sizeOrType, linkage: LINKAGES[word(record, 0)] ?? 'other' };
    case 'datasec':
      return { kind, id, name, size: sizeOrType, variables: decodeVariables(record) };
    case 'float':
      return { kind, id, name, size: sizeOrType };
    case 'decl_tag':
      return { kind, id, name, type: sizeOrType, component: word(record, 0) | 0 };
    default:
      return { kind: 'unknown', id, name };
  }
}

function decodeInt(record: Record): BtfType {
  const data = word(record, 0);
  const encoding = (data >>> 24) & 0xf;
  return {
    kind: 'int',
    id: record.id,
    name: record.name,
    size: record.sizeOrType,
    signed: (encoding & 1) !== 0,
    isChar: (encoding & 2) !== 0,
    isBool: (encoding & 4) !== 0,
    encoding,
    bitOffset: (data >>> 16) & 0xff,
    bits: data & 0xff,
  };
}

function decodeMembers(record: Record): BtfMember[] {
  return Array.from({ length: record.vlen }, (_, index) => {
    const offset = word(record, index * 3 + 2);
    return {
      name: record.source.text(word(record, index * 3)),
      type: word(record, index * 3 + 1),
      // With the flag set, the upper byte holds the width of a bit-field.
      bitOffset: record.flag ? offset & 0xff_ffff : offset,
      bitSize: record.flag ? offset >>> 24 : 0,
    };
  });
}

function decodeEnumerators(kind: 'enum' | 'enum64', record: Record): BtfEnumerator[] {
  return Array.from({ length: record.vlen }, (_, index) => {
    const words = kind === 'enum' ? 2 : 3;
    const name = record.source.text(word(record, index * words));
    const low = word(record, index * words + 1);
    if (kind === 'enum') return { name, value: record.flag ? low | 0 : low };
    const bits = (BigInt(word(record, index * words + 2)) << 32n) | BigInt(low);
    return { name, value: narrowInteger(record.flag ? BigInt.asIntN(64, bits) : bits) };
  });
}

function decodeParameters(record: Record): { name: string; type: number }[] {
  return Array.from({ length: record.vlen }, (_, index) => ({
    name: record.source.text(word(record, index * 2)),
    type: word(record, index * 2 + 1),
  }));
}

function decodeVariables(record: Record): { type: number; offset: number; size: number }[] {
  return Array.from({ length: record.vlen }, (_, index) => ({
    type: word(record, index * 3),
    offset: word(record, index * 3 + 1),
    size: word(record, index * 3 + 2),
  }));
}

/** A number where it is exact, else the bigint. */
export function narrowInteger(value: bigint): number | bigint {
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}
