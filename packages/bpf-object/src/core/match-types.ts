import type { Btf } from '../btf/btf.ts';
import type { BtfComposite, BtfEnum, BtfType } from '../btf/btf-type.ts';
import { essentialName } from '../btf/essential-name.ts';
import { skipModifiers } from '../btf/resolve-type.ts';
import { RelocationAbort } from './relocation.ts';
import { kindsAgree, namesAgree } from './spec.ts';
import type { Work } from './work.ts';

const MAX_DEPTH = 32;
const TOO_DEEP = 'the types are nested too deeply to compare';
/** Type pairs that one comparison may look at. The largest kernel structs need a few thousand. */
const MAX_PAIRS = 200_000;

/** Two BTFs under comparison, with the work left: of this comparison, and of the whole object. */
interface Pair {
  local: Btf;
  target: Btf;
  left: number;
  work: Work;
}

function spend(pair: Pair, depth: number): void {
  pair.left -= 1;
  pair.work.step();
  if (depth < 0 || pair.left < 0) throw new RelocationAbort(TOO_DEEP);
}

/** Whether two types agree roughly, as TYPE_EXISTS, TYPE_SIZE and TYPE_ID_TARGET ask (libbpf __bpf_core_types_are_compat). */
export function typesAreCompatible(local: Btf, localId: number, target: Btf, targetId: number, work: Work): boolean {
  return compatible({ local, target, left: MAX_PAIRS, work }, localId, targetId, MAX_DEPTH);
}

function compatible(pair: Pair, localRoot: number, targetRoot: number, level: number): boolean {
  if (!kindsAgree(pair.local.type(localRoot), pair.target.type(targetRoot))) return false;
  let localId = localRoot;
  let targetId = targetRoot;
  for (let depth = MAX_DEPTH - 1; ; depth--) {
    spend(pair, depth);
    const local = skipModifiers(pair.local, localId);
    const target = skipModifiers(pair.target, targetId);
    if (!kindsAgree(local, target)) return false;
    if (local.kind === 'ptr' && target.kind === 'ptr') {
      localId = local.type;
      targetId = target.type;
    } else if (local.kind === 'array' && target.kind === 'array') {
      localId = local.elementType;
      targetId = target.elementType;
    } else if (local.kind === 'func_proto' && target.kind === 'func_proto') {
      if (local.parameters.length !== target.parameters.length) return false;
      for (const [index, parameter] of local.parameters.entries()) {
        if (level <= 0) throw new RelocationAbort(TOO_DEEP);
        const a = skipModifiers(pair.local, parameter.type).id;
        const b = skipModifiers(pair.target, target.parameters[index]?.type ?? 0).id;
        if (!compatible(pair, a, b, level - 1)) return false;
      }
      localId = skipModifiers(pair.local, local.returnType).id;
      targetId = skipModifiers(pair.target, target.returnType).id;
    } else {
      return leavesAgree(local, target);
    }
  }
}

function leavesAgree(local: BtfType, target: BtfType): boolean {
  if (local.kind === 'int' && target.kind === 'int') return local.bitOffset === 0 && target.bitOffset === 0;
  return ['void', 'struct', 'union', 'enum', 'enum64', 'fwd'].includes(local.kind);
}

/** Whether the local type is found in the target in every detail, as TYPE_MATCHES asks (libbpf __bpf_core_types_match). */
export function typesMatch(local: Btf, localId: number, target: Btf, targetId: number, work: Work): boolean {
  return matches({ local, target, left: MAX_PAIRS, work }, localId, targetId, false, MAX_DEPTH);
}

function matches(pair: Pair, localRoot: number, targetRoot: number, pointed: boolean, level: number): boolean {
  if (level <= 0) throw new RelocationAbort(TOO_DEEP);
  let localId = localRoot;
  let targetId = targetRoot;
  let behindPointer = pointed;
  for (let depth = MAX_DEPTH - 1; ; depth--) {
    spend(pair, depth);
    const local = skipModifiers(pair.local, localId);
    const target = skipModifiers(pair.target, targetId);
    if (!namesAgree(local.name, target.name)) return false;
    if (local.kind === 'ptr' && target.kind === 'ptr') {
      behindPointer = true;
      localId = local.type;
      targetId = target.type;
    } else if (local.kind === 'array' && target.kind === 'array') {
      if (local.length !== target.length) return false;
      localId = local.elementType;
      targetId = target.elementType;
    } else if (local.kind === 'func_proto' && target.kind === 'func_proto') {
      if (local.parameters.length !== target.parameters.length) return false;
      const same = local.parameters.every((parameter, index) =>
        matches(pair, parameter.type, target.parameters[index]?.type ?? 0, behindPointer, level - 1),
      );
      if (!same) return false;
      localId = local.returnType;
      targetId = target.returnType;
    } else {
      return matchLeaf(pair, local, target, behindPointer, level);
    }
  }
}

function matchLeaf(pair: Pair, local: BtfType, target: BtfType, behindPointer: boolean, level: number): boolean {
  switch (local.kind) {
    case 'void':
      return target.kind === 'void';
    case 'fwd':
      return target.kind === 'fwd' ? local.of === target.of : behindPointer && target.kind === local.of;
    case 'enum':
    case 'enum64':
      return (target.kind === 'enum' || target.kind === 'enum64') && enumsMatch(local, target);
    case 'struct':
    case 'union':
      if (behindPointer) return target.kind === local.kind || (target.kind === 'fwd' && target.of === local.kind);
      return target.kind === local.kind && compositesMatch(pair, local, target, level);
    case 'int':
      return target.kind === 'int' && local.size === target.size && local.signed === target.signed;
    default:
      return false;
  }
}

function enumsMatch(local: BtfEnum, target: BtfEnum): boolean {
  if (local.size !== target.size || local.values.length > target.values.length) return false;
  const names = new Set(target.values.map((value) => essentialName(value.name)));
  return local.values.every((value) => names.has(essentialName(value.name)));
}

function compositesMatch(pair: Pair, local: BtfComposite, target: BtfComposite, level: number): boolean {
  if (local.members.length > target.members.length) return false;
  return local.members.every((member) =>
    target.members.some((other) => {
      spend(pair, 0);
      if (!namesAgree(member.name, other.name)) return false;
      return matches(pair, member.type, other.type, false, level - 1);
    }),
  );
}
