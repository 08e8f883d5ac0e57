import type { Btf } from '../btf/btf.ts';
import type { BtfComposite, BtfMember } from '../btf/btf-type.ts';
import { sizeOfType, skipModifiers } from '../btf/resolve-type.ts';
import { typeName } from '../btf/type-name.ts';
import { enumNames, notDecodable, type Compilation, type EventView, type Read, type Reader } from './event.ts';
import { bitFieldReader } from './read-number.ts';

/** A compiled field. Fields of anonymous structs are fields of what holds them, as in C. */
export interface Field {
  name: string;
  /** In bytes from the start of the struct; 0 for bit-fields, which know their own place. */
  offset: number;
  /** One more than the last byte. */
  end: number;
  cost: number;
  read: Read;
  readShort: Read | undefined;
}

/** Compiles a struct or union; every member of a union is read. */
export function compileStruct(compilation: Compilation, type: BtfComposite, depth: number, path: string): Reader {
  const fields = fieldsOf(compilation, type, depth, path);
  const last = type.kind === 'struct' ? fields.at(-1) : undefined;
  const cost = fields.reduce((sum, field) => sum + field.cost, 1);
  const reader: Reader = { read: (event, at) => readFields(fields, event, at), size: type.size, cost };
  if (last?.readShort === undefined) return reader;
  const { readShort } = last;
  const fixed = fields.slice(0, -1);
  reader.readShort = (event, at) => {
    const record = readFields(fixed, event, at);
    record[last.name] = readShort(event, at + last.offset);
    return record;
  };
  return reader;
}

/** The fields of a struct or union, those of anonymous parts among them. @param path - of the field that has this type. */
export function fieldsOf(compilation: Compilation, type: BtfComposite, depth: number, path: string): Field[] {
  return type.members.flatMap((member) => compileMember(compilation, type, member, { depth, path }));
}

/** Bytes of a struct that must have arrived: up to its last field, which may be cut short where it is an array; padding does not count. */
export function requiredSize(btf: Btf, type: BtfComposite, depth: number = 0): number {
  const last = type.members.at(-1);
  if (type.kind !== 'struct' || last === undefined || depth > 32) return type.size;
  const target = skipModifiers(btf, last.type);
  const start = Math.floor(last.bitOffset / 8);
  const earlier = type.members.slice(0, -1).reduce((end, member) => Math.max(end, endOf(btf, member)), 0);
  if (target.kind === 'array') return Math.max(earlier, start);
  if (target.kind === 'struct') return Math.max(earlier, start + requiredSize(btf, target, depth + 1));
  return Math.max(earlier, endOf(btf, last));
}

function endOf(btf: Btf, member: BtfMember): number {
  if (member.bitSize > 0) return Math.ceil((member.bitOffset + member.bitSize) / 8);
  return Math.ceil(member.bitOffset / 8) + (sizeOfType(btf, member.type) ?? 0);
}

function readFields(fields: readonly Field[], event: EventView, at: number): Record<string, unknown> {
  const record: Record<string, unknown> = {};
  for (const field of fields) record[field.name] = field.read(event, at + field.offset);
  return record;
}

/** Where a field is in an event. */
interface Place {
  /** Structs around it. */
  depth: number;
  path: string;
}

function compileMember(compilation: Compilation, holder: BtfComposite, member: BtfMember, place: Place): Field[] {
  const { btf } = compilation;
  // Assigning this name would change the record's prototype.
  if (member.name === '__proto__') throw notDecodable(`${typeName(btf, holder.id)}.__proto__`);
  if (member.name === '') return compileAnonymous(compilation, holder, member, place);
  const field = member.bitSize > 0 ? compileBitField(btf, member) : compilePlain(compilation, member, place);
  if (field.end > holder.size) throw notDecodable(`${typeName(btf, holder.id)}.${member.name} (outside its struct)`);
  return [field];
}

function compilePlain({ btf, compile, formatting }: Compilation, member: BtfMember, { depth, path }: Place): Field {
  const own = path === '' ? member.name : `${path}.${member.name}`;
  const reader = formatting.readerFor(btf, member.type, own) ?? compile(member.type, depth + 1, own);
  const offset = Math.floor(member.bitOffset / 8);
  return {
    name: member.name,
    offset,
    end: offset + reader.size,
    cost: reader.cost,
    read: reader.read,
    readShort: reader.readShort,
  };
}

function compileBitField(btf: Btf, member: BtfMember): Field {
  const type = skipModifiers(btf, member.type);
  const signed = (type.kind === 'int' || type.kind === 'enum' || type.kind === 'enum64') && type.signed;
  const bits = bitFieldReader(member.bitOffset, member.bitSize, signed, btf.littleEndian);
  let read = bits;
  if (type.kind === 'int' && type.isBool) read = (event, at) => bits(event, at) !== 0;
  if (type.kind === 'enum' || type.kind === 'enum64') {
    const names = enumNames(type);
    read = (event, at) => names.get(bits(event, at) as number | bigint) ?? bits(event, at);
  }
  const end = Math.ceil((member.bitOffset + member.bitSize) / 8);
  return { name: member.name, offset: 0, end, cost: 1, read, readShort: undefined };
}

function compileAnonymous(compilation: Compilation, holder: BtfComposite, member: BtfMember, place: Place): Field[] {
  const { btf } = compilation;
  const { depth, path } = place;
  const type = skipModifiers(btf, member.type);
  // Unnamed bit-fields are padding.
  if (type.kind !== 'struct' && type.kind !== 'union') return [];
  if (depth > 32) throw notDecodable(`${typeName(btf, holder.id)} (nested too deeply)`);
  const base = Math.floor(member.bitOffset / 8);
  if (base + type.size > holder.size)
    throw notDecodable(`${typeName(btf, holder.id)} (an anonymous part lies outside it)`);
  return type.members
    .flatMap((inner) => compileMember(compilation, type, inner, { depth: depth + 1, path }))
    .map((field) => ({ ...field, offset: field.offset + base, end: field.end + base }));
}
