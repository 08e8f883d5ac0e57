import type { Btf } from '../btf/btf.ts';
import { BtfBuilder } from '../btf/btf-builder.ts';
import type { BtfComposite, BtfEnum, BtfType } from '../btf/btf-type.ts';
import { skipModifiers } from '../btf/resolve-type.ts';
import { isFieldKind, isTypeKind, type CoreRelocation } from '../core/relocation.ts';
import { findNeededTypes, type NeededTypes } from './needed-types.ts';

/** The local types that relocations need, as BTF of their own, and where they are in it. */
export interface MinimalTypes {
  bytes: Uint8Array;
  /** The type id and access string in `bytes` that stand for the relocation's. */
  locate(relocation: CoreRelocation): [number, string];
}

/**
 * Writes the minimal types: little-endian, without typedefs and qualifiers (no rule looks at them) except a typedef that is itself the
 * root of a relocation. Types are numbered in the order in which the given relocations reach them, so the same list gives the same bytes.
 */
export function buildMinimalTypes(btf: Btf, relocations: readonly CoreRelocation[]): MinimalTypes {
  const needed = findNeededTypes(btf, relocations);
  const order = numberTypes(btf, needed, relocations);
  const builder = new BtfBuilder();
  for (const id of order.keys()) writeType(builder, btf, btf.type(id), needed, (other) => newId(btf, order, other));
  return {
    bytes: builder.bytes(),
    locate: (relocation) => [
      order.get(relocation.typeId) ?? newId(btf, order, relocation.typeId),
      translateAccess(btf, needed, relocation),
    ],
  };
}

function newId(btf: Btf, order: ReadonlyMap<number, number>, id: number): number {
  return order.get(skipModifiers(btf, id).id) ?? 0;
}

function keptParts<T>(needed: NeededTypes, id: number, parts: readonly T[]): { part: T; index: number }[] {
  const kept = needed.parts.get(id);
  return parts
    .map((part, index) => ({ part, index }))
    .filter(({ index }) => kept === 'all' || kept?.has(index) === true);
}

function childrenOf(type: BtfType, needed: NeededTypes): number[] {
  switch (type.kind) {
    case 'ptr':
      return needed.followed.has(type.id) ? [type.type] : [];
    case 'array':
      return [type.elementType];
    case 'struct':
    case 'union':
      return keptParts(needed, type.id, type.members).map(({ part }) => part.type);
    case 'func_proto':
      return [...type.parameters.map((parameter) => parameter.type), type.returnType];
    default:
      return [];
  }
}

/** Old id → new id, in the order of new ids. Walks with a stack of its own: a hostile chain of types must not exhaust the call stack. */
function numberTypes(btf: Btf, needed: NeededTypes, relocations: readonly CoreRelocation[]): Map<number, number> {
  const order = new Map<number, number>();
  for (const { typeId } of relocations) {
    const root = btf.type(typeId);
    if (root.kind === 'typedef' && !order.has(typeId)) order.set(typeId, order.size + 1);
    const open = [typeId];
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      const type = skipModifiers(btf, id);
      if (type.kind === 'void' || order.has(type.id)) continue;
      order.set(type.id, order.size + 1);
      for (const child of childrenOf(type, needed).toReversed()) open.push(child);
    }
  }
  return order;
}

function writeType(
  builder: BtfBuilder,
  btf: Btf,
  type: BtfType,
  needed: NeededTypes,
  id: (old: number) => number,
): void {
  switch (type.kind) {
    case 'int':
      builder.addInt(type.name, {
        size: type.size,
        encoding: type.encoding,
        bits: type.bits,
        bitOffset: type.bitOffset,
      });
      return;
    case 'ptr':
      builder.addPointer(needed.followed.has(type.id) ? id(type.type) : 0);
      return;
    case 'array':
      builder.addArray(id(type.elementType), type.length, 0);
      return;
    case 'struct':
    case 'union':
      writeComposite(builder, type, needed, id);
      return;
    case 'enum':
    case 'enum64':
      writeEnum(builder, type, needed);
      return;
    case 'fwd':
      builder.addForward(type.name, type.of);
      return;
    case 'float':
      builder.addFloat(type.name, type.size);
      return;
    case 'typedef':
      builder.addTypedef(type.name, id(type.type));
      return;
    case 'func_proto':
      builder.addPrototype(
        id(type.returnType),
        type.parameters.map(({ type: of }) => ({ type: id(of) })),
      );
      return;
    default:
      // Nothing can be asked of the other kinds, but their name and place must stay.
      builder.addForward(type.name, 'struct');
  }
}

function writeComposite(
  builder: BtfBuilder,
  type: BtfComposite,
  needed: NeededTypes,
  id: (old: number) => number,
): void {
  const members = keptParts(needed, type.id, type.members).map(({ part }) => ({ ...part, type: id(part.type) }));
  if (type.kind === 'struct') builder.addStruct(type.name, type.size, members);
  else builder.addUnion(type.name, type.size, members);
}

function writeEnum(builder: BtfBuilder, type: BtfEnum, needed: NeededTypes): void {
  const options = { size: type.size, signed: type.signed };
  const values = keptParts(needed, type.id, type.values).map(({ part }) => part);
  if (type.kind === 'enum64')
    builder.addEnum64(
      type.name,
      values.map(({ name, value }) => [name, BigInt(value)] as const),
      options,
    );
  else
    builder.addEnum(
      type.name,
      values.map(({ name, value }) => [name, Number(value)] as const),
      options,
    );
}

/** The access string with the indexes that members and values have after others were left out. */
function translateAccess(btf: Btf, needed: NeededTypes, relocation: CoreRelocation): string {
  if (isTypeKind(relocation.kind)) return '0';
  const steps = relocation.access.split(':').map(Number);
  const newIndex = (id: number, index: number): number => {
    const kept = needed.parts.get(id);
    return kept === 'all' || kept === undefined ? index : [...kept].filter((other) => other < index).length;
  };
  let type = skipModifiers(btf, relocation.typeId);
  if (!isFieldKind(relocation.kind)) return String(newIndex(type.id, steps[0] ?? 0));
  const translated = [steps[0] ?? 0];
  for (const step of steps.slice(1)) {
    if (type.kind === 'struct' || type.kind === 'union') {
      translated.push(newIndex(type.id, step));
      type = skipModifiers(btf, type.members[step]?.type ?? 0);
    } else {
      translated.push(step);
      type = skipModifiers(btf, type.kind === 'array' ? type.elementType : 0);
    }
  }
  return translated.join(':');
}
