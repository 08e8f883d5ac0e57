import type { Btf } from '../btf/btf.ts';
import { skipModifiers } from '../btf/resolve-type.ts';
import { typeName } from '../btf/type-name.ts';
import { BpfObjectError } from '../errors.ts';
import { requiredSize } from './compile-struct.ts';
import { compileType } from './compile-type.ts';
import { notDecodable } from './event.ts';

/** Turns one event's bytes into named values. Errors: `ERR_EVENT_TOO_SHORT`. */
export type EventDecoder = (bytes: Uint8Array) => Record<string, unknown>;

/**
 * Compiles a decoder for a struct (or union) by name or type id.
 * Integers become numbers, beyond 2^53 bigints; `char` arrays text up to NUL; enumerations names (numbers where no name fits);
 * pointers hex; unions all their members. A trailing array may be cut short or, where it is flexible, as long as the bytes are.
 * Bytes after the struct are ignored: ring and perf buffers pad. Errors: `ERR_BTF_TYPE_NOT_FOUND`, `ERR_TYPE_NOT_DECODABLE`.
 */
export function createDecoder(btf: Btf, type: string | number): EventDecoder {
  const id = typeof type === 'number' ? type : findStruct(btf, type);
  const struct = skipModifiers(btf, id);
  const name = typeName(btf, id);
  if (struct.kind !== 'struct' && struct.kind !== 'union') throw notDecodable(`${name}: an event is a struct, and it`);
  const reader = compileType(btf, id);
  const required = requiredSize(btf, struct);
  const isFlexible = reader.readShort !== undefined && endsFlexibly(btf, struct.members.at(-1)?.type ?? 0);
  const full = reader.readShort === undefined ? required : struct.size;
  return (bytes) => {
    if (bytes.length < required) {
      throw new BpfObjectError(
        'ERR_EVENT_TOO_SHORT',
        `${name} needs ${required} bytes, the event has ${bytes.length}`,
        {
          hint: 'Check that the program sends the type that its map or the project file declares.',
        },
      );
    }
    const event = { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
    const read = reader.readShort !== undefined && (isFlexible || bytes.length < full) ? reader.readShort : reader.read;
    return read(event, 0) as Record<string, unknown>;
  };
}

function findStruct(btf: Btf, name: string): number {
  const plain = name.replace(/^(struct|union) /, '');
  const found = btf.typesNamed(plain).find((id) => ['struct', 'union', 'typedef'].includes(btf.kindOf(id)));
  return found ?? btf.require(plain, 'struct');
}

/** Whether the last field, at any depth, is an array without a length. */
function endsFlexibly(btf: Btf, lastMember: number): boolean {
  let type = skipModifiers(btf, lastMember);
  for (let depth = 0; depth < 32 && type.kind === 'struct'; depth++)
    type = skipModifiers(btf, type.members.at(-1)?.type ?? 0);
  return type.kind === 'array' && type.length === 0;
}
