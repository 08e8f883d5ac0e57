import { BpfObjectError } from '../errors.ts';
import type { Btf } from './btf.ts';
import { sizeOfType, skipModifiers } from './resolve-type.ts';
import { typeName } from './type-name.ts';

/** Deepest nesting of anonymous structs that is described. */
const MAX_DEPTH = 16;
const MAX_FIELDS = 10_000;

/** One field, for headers and documentation. Fields of anonymous structs and unions appear as fields of what holds them, as in C. */
export interface FieldDescription {
  name: string;
  /** As C writes it, e.g. `char[16]`. */
  type: string;
  /** In bytes from the start; of a bit-field the byte that its first bit is in. */
  offset: number;
  /** In bytes; 0 where the type has none. */
  size: number;
  /** Width in bits; absent where the field is no bit-field. */
  bitSize?: number;
}

/** The fields of a struct or union. Errors: `ERR_TYPE_NOT_DECODABLE` for any other type. */
export function describeType(btf: Btf, id: number): FieldDescription[] {
  const fields: FieldDescription[] = [];
  addFields(btf, id, 0, fields, 0);
  return fields;
}

function addFields(btf: Btf, id: number, base: number, fields: FieldDescription[], depth: number): void {
  const type = skipModifiers(btf, id);
  if ((type.kind !== 'struct' && type.kind !== 'union') || depth > MAX_DEPTH) {
    throw new BpfObjectError(
      'ERR_TYPE_NOT_DECODABLE',
      `${typeName(btf, id)} is no struct or union of reasonable depth`,
    );
  }
  for (const member of type.members) {
    const bits = base + member.bitOffset;
    if (member.name === '' && ['struct', 'union'].includes(skipModifiers(btf, member.type).kind)) {
      addFields(btf, member.type, bits, fields, depth + 1);
      continue;
    }
    if (fields.length >= MAX_FIELDS)
      throw new BpfObjectError('ERR_TYPE_NOT_DECODABLE', `${typeName(btf, id)} has too many fields`);
    fields.push({
      name: member.name,
      type: typeName(btf, member.type),
      offset: Math.floor(bits / 8),
      size: sizeOfType(btf, member.type) ?? 0,
      ...(member.bitSize > 0 ? { bitSize: member.bitSize } : {}),
    });
  }
}

/** A struct by name. */
export interface StructSummary {
  id: number;
  name: string;
  /** In bytes. */
  size: number;
}

/** All named structs, by id. Reads every type: meant for objects, slow on a kernel's BTF. */
export function listStructs(btf: Btf): StructSummary[] {
  const structs: StructSummary[] = [];
  for (let id = 1; id < btf.typeCount; id++) {
    if (btf.kindOf(id) !== 'struct' || btf.nameOf(id) === '') continue;
    structs.push({ id, name: btf.nameOf(id), size: sizeOfType(btf, id) ?? 0 });
  }
  return structs;
}
