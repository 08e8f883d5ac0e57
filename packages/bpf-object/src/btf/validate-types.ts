import { BpfObjectError } from '../errors.ts';
import { KNOWN_LAYOUT } from './scan-types.ts';

/** What is checked, and against which bounds. */
export interface TypesToValidate {
  /** The section of types. */
  words: Uint32Array;
  /** Where each type starts, in words. */
  positions: Uint32Array;
  /** Ids of own types count from here. */
  firstId: number;
  /** One more than the highest valid string offset. */
  stringsLimit: number;
  /** Whether a type of the base is a prototype of functions. */
  isPrototypeInBase: (id: number) => boolean;
}

const FUNC = 12;
const FUNC_PROTO = 13;
/** Kinds whose third word is the id of a type: ptr, typedef, volatile, const, restrict, func, func_proto, var, decl_tag, type_tag. */
const REFERS = new Set([2, 8, 9, 10, 11, FUNC, FUNC_PROTO, 14, 17, 18]);
/** Kinds whose elements start with a name: struct, union, enum, func_proto, enum64. */
const NAMES = new Set([4, 5, 6, FUNC_PROTO, 19]);
/** Word of an element that is the id of a type: struct, union, func_proto, datasec. */
const ELEMENT_TYPE: ReadonlyMap<number, number> = new Map([
  [4, 1],
  [5, 1],
  [FUNC_PROTO, 1],
  [15, 0],
]);
const ARRAY = 3;

/** Checks that all names and types that are referred to exist (libbpf btf_validate_type). Errors: `ERR_BTF_INVALID`. */
export function validateTypes(types: TypesToValidate): void {
  for (let index = 0; index < types.positions.length; index++) validateType(types, types.positions[index] as number);
}

function validateType(types: TypesToValidate, at: number): void {
  const { words } = types;
  const kind = ((words[at + 1] as number) >>> 24) & 0x7f;
  if (REFERS.has(kind)) checkType(types, at + 2);
  if (kind === FUNC && !isPrototype(types, words[at + 2] as number)) {
    throw invalid(`function type ${words[at + 2]} is no prototype`, at + 2);
  }
  if (kind === ARRAY) {
    checkType(types, at + 3);
    checkType(types, at + 4);
  }
  const size = (KNOWN_LAYOUT.element[kind] ?? 0) / 4;
  if (size === 0) return;
  const hasName = NAMES.has(kind);
  const typeWord = ELEMENT_TYPE.get(kind);
  const end = at + 3 + size * ((words[at + 1] as number) & 0xff_ffff);
  for (let element = at + 3; element < end; element += size) {
    if (hasName && (words[element] as number) >= types.stringsLimit) {
      throw invalid(`name offset ${words[element]} is outside the strings`, element);
    }
    if (typeWord !== undefined) checkType(types, element + typeWord);
  }
}

function checkType({ words, positions, firstId }: TypesToValidate, at: number): void {
  const id = words[at] as number;
  if (id >= firstId + positions.length) throw invalid(`type ${id} does not exist`, at);
}

function isPrototype({ words, positions, firstId, isPrototypeInBase }: TypesToValidate, id: number): boolean {
  if (id < firstId) return id !== 0 && isPrototypeInBase(id);
  return (((words[(positions[id - firstId] as number) + 1] as number) >>> 24) & 0x7f) === FUNC_PROTO;
}

function invalid(message: string, word: number): BpfObjectError {
  return new BpfObjectError('ERR_BTF_INVALID', message, {
    section: 'the BTF types',
    offset: 4 * word,
    rule: 'libbpf btf_validate_type',
  });
}
