import type { Btf } from '../btf/btf.ts';
import type { BtfComposite } from '../btf/btf-type.ts';
import { skipModifiers } from '../btf/resolve-type.ts';

/** Deepest nesting of anonymous structs that is followed. */
const MAX_DEPTH = 16;

/** A field of a struct, for comparing it with that of another version. */
export interface Field {
  /** Unique in its struct. */
  key: string;
  /** For messages. */
  name: string;
  type: number;
  /** From the start of the struct. */
  bitOffset: number;
  /** 0 where it is no bit-field. */
  bitSize: number;
}

/** The fields of a struct by their keys. Fields of anonymous structs are its own; anonymous unions go by their order. */
export function fieldsOf(btf: Btf, struct: BtfComposite): Map<string, Field> {
  const fields = new Map<string, Field>();
  addFields(btf, struct, 0, fields, 0);
  return fields;
}

function addFields(btf: Btf, struct: BtfComposite, base: number, fields: Map<string, Field>, depth: number): void {
  let unions = 0;
  for (const { name, type, bitOffset, bitSize } of struct.members) {
    const inner = name === '' ? skipModifiers(btf, type) : undefined;
    if (inner?.kind === 'struct' && depth < MAX_DEPTH) {
      addFields(btf, inner, base + bitOffset, fields, depth + 1);
      continue;
    }
    const key = name === '' ? `${depth}/${fields.size}/${unions++}` : name;
    fields.set(key, { key, name: name === '' ? '(union)' : name, type, bitOffset: base + bitOffset, bitSize });
  }
}
