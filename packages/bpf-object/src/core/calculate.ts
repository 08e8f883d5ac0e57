import type { BtfMember, BtfType } from '../btf/btf-type.ts';
import { skipModifiers } from '../btf/resolve-type.ts';
import { RelocationAbort, isFieldKind, isTypeKind, type CoreLoader, type CoreRelocationKind } from './relocation.ts';
import { requireSize, type Spec } from './spec.ts';

/** One side's value. `size` and `typeId` are of the field that a load or store moves; 0 where they do not matter. */
export interface Value {
  value: bigint;
  size: number;
  typeId: number;
  validate: boolean;
}

const MAX_ARRAY_DEPTH = 256;

/** Asked of a target that has no match, for kinds whose answer is then an invalid instruction. */
export const POISON = 'poison';

function plain(value: bigint | number, validate: boolean = true): Value {
  return { value: BigInt.asUintN(64, BigInt(value)), size: 0, typeId: 0, validate };
}

/** The relocation's value as seen from one BTF; `spec` undefined = nothing matched (libbpf bpf_core_calc_{field,type,enumval}_relo). */
export function calculateValue(
  kind: CoreRelocationKind,
  spec: Spec | undefined,
  loader: CoreLoader,
): Value | typeof POISON {
  if (isFieldKind(kind)) return calculateField(kind, spec, loader);
  if (isTypeKind(kind)) return calculateType(kind, spec);
  if (kind === 'enumval-exists') return plain(spec === undefined ? 0 : 1);
  return spec === undefined ? POISON : plain(enumeratorValue(spec));
}

function enumeratorValue(spec: Spec): bigint {
  const accessor = spec.accessors[0];
  const type = spec.btf.type(accessor?.typeId ?? 0);
  if (type.kind !== 'enum' && type.kind !== 'enum64') throw new RelocationAbort('the access leads to no enumerator');
  const value = BigInt(type.values[accessor?.index ?? 0]?.value ?? 0);
  // libbpf reads 32-bit enumerators as signed, whatever the enumeration says.
  return type.kind === 'enum' ? BigInt.asIntN(32, value) : value;
}

function calculateType(kind: CoreRelocationKind, spec: Spec | undefined): Value {
  if (spec === undefined) return plain(0);
  switch (kind) {
    case 'type-id-target':
    case 'type-id-local':
      return plain(spec.rootTypeId, false);
    case 'type-size':
      return plain(requireSize(spec.btf, spec.rootTypeId));
    default:
      return plain(1);
  }
}

function calculateField(kind: CoreRelocationKind, spec: Spec | undefined, loader: CoreLoader): Value | typeof POISON {
  if (kind === 'field-exists') return plain(spec === undefined ? 0 : 1);
  if (spec === undefined) return POISON;
  const accessor = spec.accessors.at(-1);
  if (accessor === undefined) throw new RelocationAbort('the access is empty');
  if (accessor.name === undefined) return calculateElement(kind, spec, accessor.typeId, loader);
  const holder = spec.btf.type(accessor.typeId);
  const member = holder.kind === 'struct' || holder.kind === 'union' ? holder.members[accessor.index] : undefined;
  if (member === undefined) throw new RelocationAbort('the access leads to no field');
  return calculateMember(kind, spec, member, loader);
}

function calculateElement(kind: CoreRelocationKind, spec: Spec, typeId: number, loader: CoreLoader): Value {
  if (kind === 'field-byte-offset') {
    const size = movedSize(spec, typeId, loader);
    return { value: BigInt(Math.floor(spec.bitOffset / 8)), size, typeId, validate: true };
  }
  if (kind === 'field-byte-size') return plain(requireSize(spec.btf, typeId));
  throw new RelocationAbort(`${kind} cannot be asked of an array element`);
}

/** Bytes that a load or store of the field is taken to move; of an array, newer loaders take one element. */
function movedSize(spec: Spec, typeId: number, loader: CoreLoader): number {
  if (loader === 'libbpf-1.0') return requireSize(spec.btf, typeId);
  let type = skipModifiers(spec.btf, typeId);
  for (let depth = 0; type.kind === 'array'; depth++) {
    if (depth === MAX_ARRAY_DEPTH) throw new RelocationAbort('an array is nested too deeply');
    type = skipModifiers(spec.btf, type.elementType);
  }
  return requireSize(spec.btf, type.id);
}

/** Where the bytes lie that hold a field, and its width. */
interface Storage {
  byteOffset: number;
  byteSize: number;
  bitSize: number;
}

function bitFieldStorage(spec: Spec, type: BtfType, bitSize: number): Storage {
  let byteSize = 'size' in type ? type.size : 0;
  if (byteSize === 0) throw new RelocationAbort('a bit-field has a type without a size');
  const startOf = (size: number): number => Math.floor(Math.floor(spec.bitOffset / 8) / size) * size;
  // The smallest load that holds the field.
  while (spec.bitOffset + bitSize - startOf(byteSize) * 8 > byteSize * 8) {
    if (byteSize >= 8) throw new RelocationAbort('a bit-field cannot be read with one 64-bit load');
    byteSize *= 2;
  }
  return { byteOffset: startOf(byteSize), byteSize, bitSize };
}

function calculateMember(kind: CoreRelocationKind, spec: Spec, member: BtfMember, loader: CoreLoader): Value {
  const type = skipModifiers(spec.btf, member.type);
  const bitField = member.bitSize > 0;
  const size = bitField ? 0 : requireSize(spec.btf, type.id);
  const storage = bitField
    ? bitFieldStorage(spec, type, member.bitSize)
    : { byteOffset: Math.floor(spec.bitOffset / 8), byteSize: size, bitSize: size * 8 };
  // The compiler may see a bit-field's place otherwise, so its own value is not checked.
  const validate = !bitField;
  switch (kind) {
    case 'field-byte-offset':
      return bitField
        ? { value: BigInt(storage.byteOffset), size: 0, typeId: 0, validate }
        : { value: BigInt(storage.byteOffset), size: movedSize(spec, type.id, loader), typeId: type.id, validate };
    case 'field-byte-size':
      return plain(storage.byteSize, validate);
    case 'field-signed':
      return plain((type.kind === 'enum' || type.kind === 'enum64' || type.kind === 'int') && type.signed ? 1 : 0);
    case 'field-lshift-u64':
      return plain(leftShift(spec, storage), validate);
    default:
      return plain((64 - storage.bitSize) >>> 0);
  }
}

function leftShift(spec: Spec, storage: Storage): number {
  const before = spec.bitOffset - storage.byteOffset * 8;
  // libbpf computes in 32 bits.
  if (spec.btf.littleEndian) return (64 - (before + storage.bitSize)) >>> 0;
  return ((8 - storage.byteSize) * 8 + before) >>> 0;
}

/** Whether a load or store may follow a field's change of size: only where upper bits become zero (libbpf bpf_core_calc_relo). */
export function mayChangeSize(local: Spec, original: Value, target: Spec, changed: Value): boolean {
  const from = local.btf.type(original.typeId);
  const to = target.btf.type(changed.typeId);
  if (from.kind === 'ptr' && to.kind === 'ptr') return true;
  return from.kind === 'int' && to.kind === 'int' && from.encoding !== 1 && to.encoding !== 1;
}
