import type { Btf } from '../btf/btf.ts';
import { skipModifiers } from '../btf/resolve-type.ts';
import type { CoreRelocation } from '../core/relocation.ts';
import { isFieldKind, isTypeKind } from '../core/relocation.ts';

/** What of each local type the relocations need; everything else is left out of the minimal types. */
export interface NeededTypes {
  /** Struct, union or enumeration → indexes of members or values that are needed, or `all`. */
  parts: Map<number, Set<number> | 'all'>;
  /** Pointers whose target counts. */
  followed: Set<number>;
}

/** Collects what the relocations need. They have been parsed before, so their accesses are known to be sound. */
export function findNeededTypes(btf: Btf, relocations: readonly CoreRelocation[]): NeededTypes {
  const needed: NeededTypes = { parts: new Map(), followed: new Set() };
  const visited = new Set<string>();
  for (const relocation of relocations) {
    if (relocation.kind === 'type-matches') needMatching(btf, needed, relocation.typeId, false, visited);
    else if (isTypeKind(relocation.kind)) needShape(btf, needed, relocation.typeId, visited);
    else needAccess(btf, needed, relocation);
  }
  return needed;
}

function needPart(needed: NeededTypes, id: number, index: number): void {
  const parts = needed.parts.get(id) ?? new Set<number>();
  needed.parts.set(id, parts);
  if (parts !== 'all') parts.add(index);
}

function needAccess(btf: Btf, needed: NeededTypes, relocation: CoreRelocation): void {
  const steps = relocation.access.split(':').map(Number);
  let type = skipModifiers(btf, relocation.typeId);
  if (!isFieldKind(relocation.kind)) {
    needPart(needed, type.id, steps[0] ?? 0);
    return;
  }
  for (const step of steps.slice(1)) {
    if (type.kind === 'struct' || type.kind === 'union') {
      needPart(needed, type.id, step);
      type = skipModifiers(btf, type.members[step]?.type ?? 0);
    } else if (type.kind === 'array') {
      type = skipModifiers(btf, type.elementType);
    }
  }
}

/** What typesAreCompatible looks at: pointers, arrays and prototypes down to the first named thing. */
function needShape(btf: Btf, needed: NeededTypes, id: number, visited: Set<string>): void {
  const type = skipModifiers(btf, id);
  const key = `shape ${type.id}`;
  if (visited.has(key)) return;
  visited.add(key);
  if (type.kind === 'ptr') {
    needed.followed.add(type.id);
    needShape(btf, needed, type.type, visited);
  } else if (type.kind === 'array') {
    needShape(btf, needed, type.elementType, visited);
  } else if (type.kind === 'func_proto') {
    for (const parameter of type.parameters) needShape(btf, needed, parameter.type, visited);
    needShape(btf, needed, type.returnType, visited);
  }
}

/** What typesMatch looks at: all parts, but behind a pointer only names and kinds. */
function needMatching(btf: Btf, needed: NeededTypes, id: number, behindPointer: boolean, visited: Set<string>): void {
  const type = skipModifiers(btf, id);
  const key = `${behindPointer ? 'behind' : 'direct'} ${type.id}`;
  if (visited.has(key)) return;
  visited.add(key);
  switch (type.kind) {
    case 'ptr':
      needed.followed.add(type.id);
      needMatching(btf, needed, type.type, true, visited);
      return;
    case 'array':
      needMatching(btf, needed, type.elementType, behindPointer, visited);
      return;
    case 'func_proto':
      for (const parameter of type.parameters) needMatching(btf, needed, parameter.type, behindPointer, visited);
      needMatching(btf, needed, type.returnType, behindPointer, visited);
      return;
    case 'enum':
    case 'enum64':
      needed.parts.set(type.id, 'all');
      return;
    case 'struct':
    case 'union':
      if (behindPointer) return;
      needed.parts.set(type.id, 'all');
      for (const member of type.members) needMatching(btf, needed, member.type, false, visited);
      return;
    default:
  }
}
