import type { Btf } from '../btf/btf.ts';
import type { BtfType } from '../btf/btf-type.ts';
import { sizeOfType, skipModifiers } from '../btf/resolve-type.ts';
import { typeName } from '../btf/type-name.ts';
import { conventionalFormat } from './conventions.ts';
import { notDecodable, type Reader } from './event.ts';
import { FORMAT_READERS } from './format-readers.ts';

/**
 * How a field's bytes are shown, where its C type does not say it:
 *
 * - `ipv4`, `ipv6`, `mac`: addresses, of 4, 16 and 6 bytes in network order
 * - `big-endian`: an integer in network order, e.g. a port
 * - `monotonic`, `boottime`, `unix-time`: nanoseconds of `bpf_ktime_get_ns`, `bpf_ktime_get_boot_ns` and since 1970, as a time of the day
 * - `since-boot`: nanoseconds, as seconds since the machine has started
 * - `hex`: an integer or bytes; `text`: bytes up to NUL; `plain`: what the C type says, against the conventions
 */
export type FieldFormat = (typeof FIELD_FORMATS)[number];

/** A format that changes how a field is read. */
export type ShownFormat = Exclude<FieldFormat, 'plain'>;

/** All formats. */
export const FIELD_FORMATS = [
  'ipv4',
  'ipv6',
  'mac',
  'big-endian',
  'monotonic',
  'boottime',
  'unix-time',
  'since-boot',
  'hex',
  'text',
  'plain',
] as const;

/** The formats of an event's fields: those that are declared, then those that names and types tell by convention. */
export class Formatting {
  readonly #declared: ReadonlyMap<string, FieldFormat>;
  readonly #used = new Set<string>();

  /** @param declared - path of a field, e.g. `saddr` or `tuple.saddr` → its format. */
  constructor(declared: Readonly<Record<string, FieldFormat>> = {}) {
    this.#declared = new Map(Object.entries(declared));
  }

  /** Declared paths that no field has. */
  get unused(): string[] {
    return [...this.#declared.keys()].filter((path) => !this.#used.has(path));
  }

  /** Whether fields of a field have formats of their own, so that its type reads differently here. */
  hasBelow(path: string): boolean {
    return [...this.#declared.keys()].some((declared) => declared.startsWith(`${path}.`));
  }

  /** A reader for a field that has a format; undefined where its C type decides. Errors: `ERR_TYPE_NOT_DECODABLE` for a format that does not fit. */
  readerFor(btf: Btf, typeId: number, path: string): Reader | undefined {
    const declared = this.#declared.get(path);
    if (declared !== undefined) this.#used.add(path);
    if (declared === 'plain') return undefined;
    const name = path.slice(path.lastIndexOf('.') + 1);
    const format = declared ?? conventionalFormat(btf, typeId, name);
    if (format === undefined) return undefined;
    const type = skipModifiers(btf, typeId);
    const size = sizeOfType(btf, typeId) ?? 0;
    const read = isScalarOrBytes(btf, type)
      ? FORMAT_READERS[format]({ size, littleEndian: btf.littleEndian })
      : undefined;
    if (read) return { read, size, cost: 1 };
    if (declared === undefined) return undefined;
    throw notDecodable(`${path} (${typeName(btf, typeId)}) as ${format}`);
  }
}

/** Integers, arrays of them, and structs that hold nothing else, as `struct in6_addr` does. */
function isScalarOrBytes(btf: Btf, type: BtfType, depth = 0): boolean {
  if (depth > 4) return false;
  switch (type.kind) {
    case 'int':
    case 'ptr':
      return true;
    case 'array':
      return isScalarOrBytes(btf, skipModifiers(btf, type.elementType), depth + 1);
    case 'struct':
    case 'union':
      return type.members.every(
        ({ type: member, bitSize }) => bitSize === 0 && isScalarOrBytes(btf, skipModifiers(btf, member), depth + 1),
      );
    default:
      return false;
  }
}
