import type { Btf } from '../btf/btf.ts';
import { skipModifiers } from '../btf/resolve-type.ts';
import { typeName } from '../btf/type-name.ts';
import { BpfObjectError } from '../errors.ts';
import { type Field, fieldsOf, requiredSize } from './compile-struct.ts';
import { startCompilation } from './compile-type.ts';
import { type EventView, notDecodable } from './event.ts';
import { type FieldFormat, Formatting } from './formatting.ts';

/** Turns one event's bytes into named values. Errors: `ERR_EVENT_TOO_SHORT`. */
export interface EventDecoder {
  (bytes: Uint8Array): Record<string, unknown>;
  /** The same for an event that lies among others, from `at` to the end that the view says. */
  decodeAt(event: EventView, at: number): Record<string, unknown>;
  /** The fields, in their order: each can be read alone. */
  readonly fields: readonly EventField[];
}

/** A field of an event that can be read without the others. */
export interface EventField {
  readonly name: string;
  /** Undefined where the event is too short for it. */
  read(event: EventView, at: number): unknown;
}

/** Options of {@link createDecoder}. */
export interface DecoderOptions {
  /** Path of a field → how it is shown. Default: by conventions of names and types. */
  formats?: Readonly<Record<string, FieldFormat>>;
}

/**
 * Compiles a decoder for a struct (or union) by name or type id.
 * Integers become numbers, beyond 2^53 bigints; `char` arrays text up to NUL; enumerations names (numbers where no name fits);
 * pointers hex; unions all their members; addresses and times text (see {@link FieldFormat}). A trailing array may be cut short or, where it
 * is flexible, as long as the bytes are. Bytes after the struct are ignored: ring and perf buffers pad.
 * Errors: `ERR_BTF_TYPE_NOT_FOUND`, `ERR_TYPE_NOT_DECODABLE`, also for a format that fits no field.
 */
export function createDecoder(btf: Btf, type: string | number, options: DecoderOptions = {}): EventDecoder {
  const id = typeof type === 'number' ? type : findStruct(btf, type);
  const struct = skipModifiers(btf, id);
  const name = typeName(btf, id);
  if (struct.kind !== 'struct' && struct.kind !== 'union') throw notDecodable(`${name}: an event is a struct, and it`);
  const formatting = new Formatting(options.formats);
  const compilation = startCompilation(btf, formatting);
  const reader = compilation.compile(id, 0, '');
  const fields = fieldsOf(compilation, struct, 0, '');
  const [unknown] = formatting.unused;
  if (unknown !== undefined) throw notDecodable(`${name}.${unknown}: a format is declared for it, and it`);
  const required = requiredSize(btf, struct);
  const isFlexible = reader.readShort !== undefined && endsFlexibly(btf, struct.members.at(-1)?.type ?? 0);
  const full = reader.readShort === undefined ? required : struct.size;
  const decodeAt = (event: EventView, at: number): Record<string, unknown> => {
    const length = event.end - at;
    if (length < required) throw tooShort(name, required, length);
    const read = reader.readShort !== undefined && (isFlexible || length < full) ? reader.readShort : reader.read;
    return read(event, at) as Record<string, unknown>;
  };
  const decode = (bytes: Uint8Array): Record<string, unknown> => decodeAt(viewOf(bytes), 0);
  return Object.assign(decode, {
    decodeAt,
    fields: fields.map((field) => eventField(field, { isFlexible, isLast: field === fields.at(-1) })),
  });
}

/** Bytes as a view of one event. */
export function viewOf(bytes: Uint8Array): EventView {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), end: bytes.length };
}

function eventField(
  { name, offset, end, read, readShort }: Field,
  { isFlexible, isLast }: { isFlexible: boolean; isLast: boolean },
): EventField {
  return {
    name,
    read(event, at) {
      if (at + end <= event.end && !(isLast && isFlexible)) return read(event, at + offset);
      return isLast && readShort && at + offset <= event.end ? readShort(event, at + offset) : undefined;
    },
  };
}

function tooShort(name: string, required: number, length: number): BpfObjectError {
  return new BpfObjectError('ERR_EVENT_TOO_SHORT', `${name} needs ${required} bytes, the event has ${length}`, {
    hint: 'Check that the program sends the type that its map or the project file declares.',
  });
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
