import { BpfObjectError } from '../errors.ts';
import type { Btf } from './btf.ts';
import { BTF_KINDS, type BtfKind } from './btf-type.ts';
import { BtfStrings } from './btf-strings.ts';

const HEADER_SIZE = 24;
const LINKAGE = { static: 0, global: 1, extern: 2 } as const;

/** A field to add. Offsets default to C's packing rules being the caller's matter: none is computed. */
export interface MemberToAdd {
  /** Default: anonymous. */
  name?: string;
  type: number;
  bitOffset: number;
  /** Default: 0, no bit-field. */
  bitSize?: number;
}

/** Options of {@link BtfBuilder.addInt}. */
export interface IntToAdd {
  /** In bytes. */
  size: number;
  /** Default: false. */
  signed?: boolean;
  /** Default: 0. Bits as stored: 1 signed, 2 char, 4 bool; wins over `signed`. */
  encoding?: number;
  /** Default: 8 × size. */
  bits?: number;
  /** Default: 0. Old-style bit-field integers only. */
  bitOffset?: number;
}

/**
 * Writes BTF. Every `add…` returns the id of the new type; ids count from 1 in the order of adding, so a type may refer to ids that
 * come later. The same calls give the same bytes.
 */
export class BtfBuilder {
  readonly #littleEndian: boolean;
  readonly #strings: BtfStrings;
  readonly #words: number[] = [];
  #nextId: number;

  /** `littleEndian` default: true. `base`: the BTF that this one continues; ids then count on from its. Default: none. */
  constructor(options: { littleEndian?: boolean; base?: Btf } = {}) {
    this.#littleEndian = options.littleEndian ?? true;
    this.#strings = new BtfStrings(options.base?.stringsLength ?? 0);
    this.#nextId = options.base?.typeCount ?? 1;
  }

  /** The id that the next type will get. */
  get nextId(): number {
    return this.#nextId;
  }

  addInt(name: string, options: IntToAdd): number {
    const encoding = options.encoding ?? (options.signed === true ? 1 : 0);
    const data = (encoding << 24) | ((options.bitOffset ?? 0) << 16) | (options.bits ?? options.size * 8);
    return this.#add('int', name, { third: options.size, body: [data] });
  }

  addPointer(type: number): number {
    return this.#add('ptr', '', { third: type });
  }

  addArray(elementType: number, length: number, indexType: number): number {
    return this.#add('array', '', { third: 0, body: [elementType, indexType, length] });
  }

  /** `name` '' = anonymous; `size` in bytes. */
  addStruct(name: string, size: number, members: readonly MemberToAdd[]): number {
    return this.#addComposite('struct', name, size, members);
  }

  addUnion(name: string, size: number, members: readonly MemberToAdd[]): number {
    return this.#addComposite('union', name, size, members);
  }

  /** Values beyond 32 bits need {@link addEnum64}. `signed` default: whether any value is negative. */
  addEnum(
    name: string,
    values: readonly (readonly [string, number])[],
    options: { size?: number; signed?: boolean } = {},
  ): number {
    const body = values.flatMap(([label, value]) => [this.#strings.add(label), value >>> 0]);
    const flag = options.signed ?? values.some(([, value]) => value < 0);
    return this.#add('enum', name, { third: options.size ?? 4, vlen: values.length, flag, body });
  }

  addEnum64(
    name: string,
    values: readonly (readonly [string, bigint])[],
    options: { size?: number; signed?: boolean } = {},
  ): number {
    const body = values.flatMap(([label, value]) => [
      this.#strings.add(label),
      Number(BigInt.asUintN(32, value)),
      Number(BigInt.asUintN(32, value >> 32n)),
    ]);
    const flag = options.signed ?? values.some(([, value]) => value < 0n);
    return this.#add('enum64', name, { third: options.size ?? 8, vlen: values.length, flag, body });
  }

  addForward(name: string, of: 'struct' | 'union'): number {
    return this.#add('fwd', name, { third: 0, flag: of === 'union' });
  }

  addTypedef(name: string, type: number): number {
    return this.#add('typedef', name, { third: type });
  }

  addModifier(kind: 'const' | 'volatile' | 'restrict', type: number): number {
    return this.#add(kind, '', { third: type });
  }

  addTypeTag(value: string, type: number): number {
    return this.#add('type_tag', value, { third: type });
  }

  /** `component` default: -1, the declaration itself. */
  addDeclarationTag(value: string, type: number, component: number = -1): number {
    return this.#add('decl_tag', value, { third: type, body: [component >>> 0] });
  }

  addFunction(name: string, prototype: number, linkage: 'static' | 'global' | 'extern' = 'global'): number {
    return this.#add('func', name, { third: prototype, vlen: LINKAGE[linkage] });
  }

  addPrototype(returnType: number, parameters: readonly { name?: string; type: number }[]): number {
    const body = parameters.flatMap(({ name, type }) => [this.#strings.add(name ?? ''), type]);
    return this.#add('func_proto', '', { third: returnType, vlen: parameters.length, body });
  }

  addVariable(name: string, type: number, linkage: 'static' | 'global' | 'extern' = 'global'): number {
    return this.#add('var', name, { third: type, body: [LINKAGE[linkage]] });
  }

  addDataSection(
    name: string,
    size: number,
    variables: readonly { type: number; offset: number; size: number }[],
  ): number {
    const body = variables.flatMap(({ type, offset, size: bytes }) => [type, offset, bytes]);
    return this.#add('datasec', name, { third: size, vlen: variables.length, body });
  }

  addFloat(name: string, size: number): number {
    return this.#add('float', name, { third: size });
  }

  /** The BTF written so far. */
  bytes(): Uint8Array {
    const strings = this.#strings.bytes();
    const typesLength = this.#words.length * 4;
    const bytes = new Uint8Array(HEADER_SIZE + typesLength + strings.length);
    const view = new DataView(bytes.buffer);
    view.setUint16(0, 0xeb9f, this.#littleEndian);
    view.setUint8(2, 1);
    const header = [HEADER_SIZE, 0, typesLength, typesLength, strings.length];
    header.forEach((word, index) => view.setUint32(4 + 4 * index, word, this.#littleEndian));
    this.#words.forEach((word, index) => view.setUint32(HEADER_SIZE + 4 * index, word, this.#littleEndian));
    bytes.set(strings, HEADER_SIZE + typesLength);
    return bytes;
  }

  #addComposite(kind: 'struct' | 'union', name: string, size: number, members: readonly MemberToAdd[]): number {
    const flag = members.some((member) => (member.bitSize ?? 0) > 0);
    const body = members.flatMap(({ name: field, type, bitOffset, bitSize }) => {
      if (flag && bitOffset > 0xff_ffff) {
        throw new BpfObjectError(
          'ERR_BTF_INVALID',
          `${kind} ${name}: field ${field ?? ''} lies beyond 2 MiB beside a bit-field`,
        );
      }
      return [this.#strings.add(field ?? ''), type, flag ? ((bitSize ?? 0) << 24) | bitOffset : bitOffset];
    });
    return this.#add(kind, name, { third: size, vlen: members.length, flag, body });
  }

  #add(kind: BtfKind, name: string, record: { third: number; vlen?: number; flag?: boolean; body?: number[] }): number {
    const number = BTF_KINDS.indexOf(kind as (typeof BTF_KINDS)[number]);
    const info = ((record.flag === true ? 1 : 0) << 31) | (number << 24) | (record.vlen ?? 0);
    this.#words.push(this.#strings.add(name), info >>> 0, record.third >>> 0);
    for (const word of record.body ?? []) this.#words.push(word >>> 0);
    return this.#nextId++;
  }
}
