import type { Btf } from '../btf/btf.ts';
import type { BtfMember, BtfType } from '../btf/btf-type.ts';
import { skipModifiers } from '../btf/resolve-type.ts';

const MAX_DEPTH = 32;

/** What a field holds: a number (or an enumeration's name), numbers in a row, or something else. */
export type FieldContent = 'number' | 'numbers' | 'other';

/**
 * What the field of a type holds that a path leads to, through structs and unions, anonymous ones included.
 *
 * @param path - e.g. `tuple.saddr`; empty for the type itself.
 * @returns undefined where there is no such field.
 */
export function findField(btf: Btf, id: number, path: string): FieldContent | undefined {
  let type = skipModifiers(btf, id);
  for (const name of path === '' ? [] : path.split('.')) {
    const member = memberOf(btf, type, name, 0);
    if (!member) return undefined;
    type = skipModifiers(btf, member.type);
  }
  if (isNumber(type)) return 'number';
  return type.kind === 'array' && isNumber(skipModifiers(btf, type.elementType)) ? 'numbers' : 'other';
}

function isNumber(type: BtfType): boolean {
  return type.kind === 'int' || type.kind === 'enum' || type.kind === 'enum64';
}

function memberOf(btf: Btf, type: BtfType, name: string, depth: number): BtfMember | undefined {
  if ((type.kind !== 'struct' && type.kind !== 'union') || depth > MAX_DEPTH) return undefined;
  const found = type.members.find((member) => member.name === name);
  if (found) return found;
  for (const member of type.members) {
    if (member.name !== '') continue;
    const inner = memberOf(btf, skipModifiers(btf, member.type), name, depth + 1);
    if (inner) return inner;
  }
  return undefined;
}
