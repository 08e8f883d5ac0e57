import type { Btf } from '../btf/btf.ts';
import type { BtfArray, BtfType } from '../btf/btf-type.ts';
import { essentialName } from '../btf/essential-name.ts';
import { sizeOfType, skipModifiers } from '../btf/resolve-type.ts';
import { typeName } from '../btf/type-name.ts';
import {
  isFieldKind,
  isTypeKind,
  RelocationAbort,
  type CoreRelocation,
  type CoreRelocationKind,
} from './relocation.ts';

/** Longest access (libbpf BPF_CORE_SPEC_MAX_LEN). */
export const MAX_SPEC_LENGTH = 64;

/** One meaningful step of an access: a named field, or an array index. */
export interface Accessor {
  /** The struct that holds the field, or the element type. */
  typeId: number;
  /** Member or array index. */
  index: number;
  /** The field's name; absent for array steps. */
  name?: string;
}

/** A parsed access in one BTF. */
export interface Spec {
  btf: Btf;
  rootTypeId: number;
  kind: CoreRelocationKind;
  accessors: Accessor[];
  /** Steps taken, anonymous members counted. */
  rawLength: number;
  /** From the start of the root type; modulo 2^32, as in libbpf. */
  bitOffset: number;
}

/** Whether an array of no elements is a flexible one: named, and last in its struct. */
export function isFlexibleArray(btf: Btf, holder: Accessor | undefined, array: BtfArray): boolean {
  if (holder?.name === undefined || array.length > 0) return false;
  const struct = btf.type(holder.typeId);
  return (struct.kind === 'struct' || struct.kind === 'union') && holder.index === struct.members.length - 1;
}

/** Moves by whole elements; 32-bit arithmetic as libbpf does it. */
export function elementOffset(index: number, size: number): number {
  return Math.imul(Math.imul(index, size), 8);
}

/** The size of a type, which must have one. */
export function requireSize(btf: Btf, id: number): number {
  const size = sizeOfType(btf, id);
  if (size === undefined) throw new RelocationAbort(`${typeName(btf, id)} has no size`);
  return size;
}

/** Whether two kinds may stand for each other: equal, or both enumerations. */
export function kindsAgree(a: BtfType, b: BtfType): boolean {
  return a.kind === b.kind || (isEnum(a) && isEnum(b));
}

/** Whether the type is an enumeration of either width. */
export function isEnum(type: BtfType): boolean {
  return type.kind === 'enum' || type.kind === 'enum64';
}

/** Whether two names are equal but for their flavours. */
export function namesAgree(a: string, b: string): boolean {
  return essentialName(a) === essentialName(b);
}

/** Parses a relocation's access string against the local types (libbpf bpf_core_parse_spec). */
export function parseSpec(btf: Btf, relocation: CoreRelocation): Spec {
  const { kind, typeId, access } = relocation;
  const spec: Spec = { btf, rootTypeId: typeId, kind, accessors: [], rawLength: 0, bitOffset: 0 };
  if (isTypeKind(kind)) {
    if (access !== '0') throw new RelocationAbort(`the access string of a type is "0", not "${access}"`);
    return spec;
  }
  const steps = parseSteps(access);
  spec.rawLength = steps.length;
  const root = skipModifiers(btf, typeId);
  const first = steps[0] ?? 0;
  if (isFieldKind(kind)) {
    spec.accessors.push({ typeId: root.id, index: first });
    spec.bitOffset = elementOffset(first, requireSize(btf, root.id)) >>> 0;
    walkSteps(spec, root.id, steps);
    return spec;
  }
  const value = (root.kind === 'enum' || root.kind === 'enum64') && steps.length === 1 ? root.values[first] : undefined;
  if (value === undefined) throw new RelocationAbort(`${typeName(btf, typeId)} has no enumerator ${access}`);
  spec.accessors.push({ typeId: root.id, index: first, name: value.name });
  return spec;
}

function parseSteps(access: string): number[] {
  // The limits keep a hostile string from costing anything.
  if (access.length > MAX_SPEC_LENGTH * 11 || !/^\d{1,10}(:\d{1,10})*$/.test(access)) {
    throw new RelocationAbort(`the access string "${access.slice(0, 64)}" is not numbers joined by ":"`);
  }
  const steps = access.split(':').map(Number);
  if (steps.length > MAX_SPEC_LENGTH)
    throw new RelocationAbort(`the access string has more than ${MAX_SPEC_LENGTH} steps`);
  if (steps.some((step) => step > 0x7fff_ffff))
    throw new RelocationAbort(`the access string "${access}" holds too large a step`);
  return steps;
}

function walkSteps(spec: Spec, rootId: number, steps: readonly number[]): void {
  const { btf, accessors } = spec;
  let id = rootId;
  for (const index of steps.slice(1)) {
    const type = skipModifiers(btf, id);
    if (type.kind === 'struct' || type.kind === 'union') {
      const member = type.members[index];
      if (member === undefined) throw new RelocationAbort(`${typeName(btf, type.id)} has no member ${index}`);
      spec.bitOffset = (spec.bitOffset + member.bitOffset) >>> 0;
      if (member.name !== '') accessors.push({ typeId: type.id, index, name: member.name });
      id = member.type;
    } else if (type.kind === 'array') {
      const element = skipModifiers(btf, type.elementType);
      const flexible = isFlexibleArray(btf, accessors.at(-1), type);
      if (!flexible && index >= type.length)
        throw new RelocationAbort(`${typeName(btf, type.id)} has no element ${index}`);
      id = element.id;
      accessors.push({ typeId: id, index });
      spec.bitOffset = (spec.bitOffset + elementOffset(index, requireSize(btf, id))) >>> 0;
    } else {
      throw new RelocationAbort(`${typeName(btf, type.id)} has no parts`);
    }
  }
}

/** The access for people: `struct task_struct.cpus_mask.bits[0]`, `enum bpf_func_id::BPF_FUNC_loop`, `struct mm_struct`. */
export function formatSpec(spec: Spec): string {
  return typeName(spec.btf, spec.rootTypeId) + formatAccess(spec);
}

/** The part of {@link formatSpec} after the type: `.cpus_mask.bits[0]`, `::BPF_FUNC_loop`; empty for whole types. */
export function formatAccess(spec: Spec): string {
  if (spec.kind.startsWith('enumval-')) return `::${spec.accessors[0]?.name ?? '?'}`;
  return spec.accessors
    .map(({ name, index }, step) => {
      if (name !== undefined) return `.${name}`;
      return step > 0 || index > 0 ? `[${index}]` : '';
    })
    .join('');
}
