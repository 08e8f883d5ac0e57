import type { BpfMap, Btf } from '@bpfship/bpf-object';
import { canonicalJsonBytes } from '@bpfship/media-types';
import { digestOf } from '@bpfship/oras-client';

/** Bound on the nesting of types, which a hostile BTF could make endless. */
const MAX_DEPTH = 64;
/** Bound on the types in one description: a few structs that hold one another twice would make it grow without end. */
const MAX_TYPES = 65_536;

/**
 * Digest of what keys and values of a map mean (spec/btf-index.md, "Map schema"): sizes, field names, positions and enumerators, without the
 * names of types. Maps of equal schema can hand their contents over in an upgrade; the kernel itself compares sizes only.
 *
 * @returns `undefined` where the map's definition gives no types, as those of ring buffers do not, or more of them than a map of anybody's has.
 */
export function mapSchema(btf: Btf, map: BpfMap): string | undefined {
  if (map.keyType === undefined && map.valueType === undefined) return undefined;
  const effort = { types: 0 };
  const describe = (id: number | undefined): unknown => (id === undefined ? null : describeType(btf, id, 0, effort));
  const description = { key: describe(map.keyType), value: describe(map.valueType) };
  return effort.types > MAX_TYPES ? undefined : digestOf(canonicalJsonBytes(description));
}

function describeType(btf: Btf, id: number, depth: number, effort: { types: number }): unknown {
  if (depth > MAX_DEPTH || ++effort.types > MAX_TYPES) return { kind: 'deeper' };
  const type = btf.type(id);
  const inner = (of: number): unknown => describeType(btf, of, depth + 1, effort);
  switch (type.kind) {
    case 'typedef':
    case 'const':
    case 'volatile':
    case 'restrict':
    case 'type_tag':
    case 'var':
      return inner(type.type);
    case 'int':
      return { kind: 'int', size: type.size, signed: type.signed, bool: type.isBool };
    case 'array':
      return { kind: 'array', length: type.length, element: inner(type.elementType) };
    case 'struct':
    case 'union':
      return { kind: type.kind, size: type.size, members: type.members.map((member) => describeMember(member, inner)) };
    case 'enum':
    case 'enum64':
      return {
        kind: 'enum',
        size: type.size,
        // Some values of 64 bits are beyond what JSON numbers hold.
        values: type.values.map(({ name, value }) => ({ name, value: String(value) })),
      };
    case 'float':
      return { kind: 'float', size: type.size };
    default:
      // A pointer's target is not part of the map's content.
      return { kind: type.kind };
  }
}

function describeMember(
  { name, type, bitOffset, bitSize }: { name: string; type: number; bitOffset: number; bitSize: number },
  inner: (id: number) => unknown,
): unknown {
  return { name, bitOffset, bitSize, type: inner(type) };
}
