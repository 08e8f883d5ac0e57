import type { Btf } from '../btf/btf.ts';
import type { BtfMember } from '../btf/btf-type.ts';
import { essentialName } from '../btf/essential-name.ts';
import { skipModifiers } from '../btf/resolve-type.ts';
import { typeName } from '../btf/type-name.ts';
import { RelocationAbort } from './relocation.ts';
import {
  elementOffset,
  isFlexibleArray,
  kindsAgree,
  MAX_SPEC_LENGTH,
  requireSize,
  type Accessor,
  type Spec,
} from './spec.ts';
import type { Work } from './work.ts';

const MAX_ARRAY_DEPTH = 256;

/** Outcome of holding a local access against one target type: the target's access, or why there is none. */
export type SpecMatch = { spec: Spec } | { mismatch: string };

/** A local field that is looked for. */
interface Search {
  btf: Btf;
  accessor: Accessor;
  notes: string[];
  work: Work;
}

/** Finds a local field access in a target type (libbpf bpf_core_spec_match, the part for fields). */
export function matchFieldSpec(local: Spec, target: Btf, targetRoot: number, work: Work): SpecMatch {
  const spec: Spec = {
    btf: target,
    rootTypeId: targetRoot,
    kind: local.kind,
    accessors: [],
    rawLength: 0,
    bitOffset: 0,
  };
  let id = targetRoot;
  for (const [step, accessor] of local.accessors.entries()) {
    const type = skipModifiers(target, id);
    id = type.id;
    if (accessor.name !== undefined) {
      const search: Search = { btf: local.btf, accessor, notes: [], work };
      const found = findMember(search, spec, id, 0);
      if (found === undefined) {
        return { mismatch: search.notes[0] ?? `${typeName(target, id)} has no field ${accessor.name}` };
      }
      id = found.type;
    } else {
      if (step > 0) {
        if (type.kind !== 'array') return { mismatch: `${typeName(target, id)} is not an array` };
        const flexible = isFlexibleArray(target, spec.accessors.at(-1), type);
        if (!flexible && accessor.index >= type.length) {
          return { mismatch: `${typeName(target, id)} has no element ${accessor.index}` };
        }
        id = skipModifiers(target, type.elementType).id;
      }
      takeStep(spec);
      spec.accessors.push({ typeId: id, index: accessor.index });
      spec.bitOffset = (spec.bitOffset + elementOffset(accessor.index, requireSize(target, id))) >>> 0;
    }
  }
  return { spec };
}

function takeStep(spec: Spec): void {
  if (spec.rawLength === MAX_SPEC_LENGTH) throw new RelocationAbort('the target types are nested too deeply');
  spec.rawLength += 1;
}

/**
 * Looks for a field by name, depth first through anonymous structs and unions (libbpf bpf_core_match_member).
 * Returns undefined where there is none, or one of another type; then `notes` says so.
 * As in libbpf, a field of another type inside an anonymous part leaves its step and offset behind, and the search goes on. In C that
 * changes nothing, since no second field can have the name.
 */
function findMember(search: Search, spec: Spec, targetId: number, depth: number): BtfMember | undefined {
  const type = skipModifiers(spec.btf, targetId);
  if (type.kind !== 'struct' && type.kind !== 'union') return undefined;
  if (depth > MAX_SPEC_LENGTH) throw new RelocationAbort('the target types are nested too deeply');
  for (const [index, member] of type.members.entries()) {
    // Anonymous parts that hold one another many times have exponentially many ways through them.
    search.work.step();
    takeStep(spec);
    spec.bitOffset = (spec.bitOffset + member.bitOffset) >>> 0;
    if (member.name === '') {
      const found = findMember(search, spec, member.type, depth + 1);
      if (found !== undefined) return found;
    } else if (member.name === search.accessor.name) {
      const wanted = localMemberType(search.btf, search.accessor);
      if (!fieldsAreCompatible(search.btf, wanted, spec.btf, member.type)) {
        const is = typeName(spec.btf, member.type);
        search.notes.push(
          `${typeName(spec.btf, type.id)}.${member.name} is ${is}, not ${typeName(search.btf, wanted)}`,
        );
        return undefined;
      }
      spec.accessors.push({ typeId: type.id, index, name: member.name });
      return member;
    }
    spec.bitOffset = (spec.bitOffset - member.bitOffset) >>> 0;
    spec.rawLength -= 1;
  }
  return undefined;
}

function localMemberType(btf: Btf, accessor: Accessor): number {
  const holder = btf.type(accessor.typeId);
  if (holder.kind !== 'struct' && holder.kind !== 'union') return 0;
  return holder.members[accessor.index]?.type ?? 0;
}

/** Whether a field of the one type may be read as the other (libbpf bpf_core_fields_are_compat). */
function fieldsAreCompatible(localBtf: Btf, localRoot: number, targetBtf: Btf, targetRoot: number): boolean {
  let localId = localRoot;
  let targetId = targetRoot;
  for (let depth = 0; depth < MAX_ARRAY_DEPTH; depth++) {
    const local = skipModifiers(localBtf, localId);
    const target = skipModifiers(targetBtf, targetId);
    const composite = local.kind === 'struct' || local.kind === 'union';
    if (composite && (target.kind === 'struct' || target.kind === 'union')) return true;
    if (!kindsAgree(local, target)) return false;
    switch (local.kind) {
      case 'ptr':
      case 'float':
        return true;
      case 'fwd':
      case 'enum':
      case 'enum64':
        return local.name === '' || target.name === '' || essentialName(local.name) === essentialName(target.name);
      case 'int':
        return local.bitOffset === 0 && target.kind === 'int' && target.bitOffset === 0;
      case 'array':
        if (target.kind !== 'array') return false;
        localId = local.elementType;
        targetId = target.elementType;
        break;
      default:
        return false;
    }
  }
  throw new RelocationAbort('an array is nested too deeply');
}
