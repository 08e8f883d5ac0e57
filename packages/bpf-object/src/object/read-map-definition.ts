import type { Btf } from '../btf/btf.ts';
import type { BtfComposite, BtfMember } from '../btf/btf-type.ts';
import { sizeOfType, skipModifiers } from '../btf/resolve-type.ts';
import { BpfObjectError } from '../errors.ts';
import type { BpfMap } from './bpf-object.ts';
import { mapTypeName } from './map-types.ts';

function invalid(map: string, message: string): BpfObjectError {
  return new BpfObjectError('ERR_MAP_INVALID', `map ${map}: ${message}`, {
    section: '.maps',
    rule: 'libbpf parse_btf_map_def',
    hint: 'Define it as bpf_helpers.h shows: struct { __uint(type, …); __type(key, …); … } name SEC(".maps");',
  });
}

/** Reads the struct that defines a map: `__uint`, `__type`, `__array` and `__ulong` fields (bpf_helpers.h). */
export function readMapDefinition(btf: Btf, name: string, typeId: number, isInner: boolean = false): BpfMap {
  const definition = skipModifiers(btf, typeId);
  if (definition.kind !== 'struct') throw invalid(name, 'it is not defined by a struct');
  const map: BpfMap = {
    name,
    type: '',
    keySize: 0,
    valueSize: 0,
    maxEntries: 0,
    flags: 0,
    pinning: 'none',
    internal: false,
  };
  for (const member of definition.members) readField(btf, map, member, isInner);
  if (map.type === '') throw invalid(name, 'its type is missing');
  return map;
}

function readField(btf: Btf, map: BpfMap, member: BtfMember, isInner: boolean): void {
  switch (member.name) {
    case 'type':
      map.type = mapTypeName(readNumber(btf, map, member));
      return;
    case 'max_entries':
      map.maxEntries = readNumber(btf, map, member);
      return;
    case 'map_flags':
      map.flags = readNumber(btf, map, member);
      return;
    case 'numa_node':
    case 'map_extra':
      readNumber(btf, map, member);
      return;
    case 'key_size':
    case 'value_size':
      setSize(map, member.name === 'key_size' ? 'keySize' : 'valueSize', readNumber(btf, map, member));
      return;
    case 'key':
      map.keyType = readPointed(btf, map, member);
      setSize(map, 'keySize', requireSize(btf, map, map.keyType));
      return;
    case 'value':
      map.valueType = readPointed(btf, map, member);
      setSize(map, 'valueSize', requireSize(btf, map, map.valueType));
      return;
    case 'values':
      readValues(btf, map, member, isInner);
      return;
    case 'pinning':
      map.pinning = readPinning(btf, map, member, isInner);
      return;
    default:
      throw invalid(map.name, `field ${member.name} is not known`);
  }
}

/** `__uint(name, value)` is a pointer to an array of `value` elements; `__ulong` an enumeration with that one value. */
function readNumber(btf: Btf, map: BpfMap, member: BtfMember): number {
  const type = skipModifiers(btf, member.type);
  if (type.kind === 'ptr') {
    const array = skipModifiers(btf, type.type);
    if (array.kind === 'array') return array.length;
  }
  const value = type.kind === 'enum' || type.kind === 'enum64' ? type.values[0]?.value : undefined;
  if (typeof value === 'number') return value;
  throw invalid(map.name, `field ${member.name} is not a number`);
}

function readPointed(btf: Btf, map: BpfMap, member: BtfMember): number {
  const type = skipModifiers(btf, member.type);
  if (type.kind === 'ptr') return type.type;
  throw invalid(map.name, `field ${member.name} is not a type`);
}

function requireSize(btf: Btf, map: BpfMap, typeId: number): number {
  const size = sizeOfType(btf, typeId);
  if (size === undefined) throw invalid(map.name, 'its key or value has a type without a size');
  return size;
}

function setSize(map: BpfMap, field: 'keySize' | 'valueSize', size: number): void {
  if (map[field] !== 0 && map[field] !== size)
    throw invalid(map.name, `two sizes are given: ${map[field]} and ${size}`);
  map[field] = size;
}

function readPinning(btf: Btf, map: BpfMap, member: BtfMember, isInner: boolean): 'none' | 'by-name' {
  const value = readNumber(btf, map, member);
  if (isInner || value > 1) throw invalid(map.name, `pinning ${value} is not allowed here`);
  return value === 1 ? 'by-name' : 'none';
}

/** `__array(values, struct { … })`: maps in a map of maps, or the programs of a program array. */
function readValues(btf: Btf, map: BpfMap, member: BtfMember, isInner: boolean): void {
  const array = skipModifiers(btf, member.type);
  const pointer = array.kind === 'array' ? skipModifiers(btf, array.elementType) : undefined;
  if (isInner || pointer === undefined) throw invalid(map.name, 'values are not allowed here');
  setSize(map, 'valueSize', 4);
  const target = skipModifiers(btf, pointer.kind === 'ptr' ? pointer.type : pointer.id);
  if (target.kind === 'struct') map.inner = readInner(btf, map, target);
}

function readInner(btf: Btf, map: BpfMap, target: BtfComposite): BpfMap {
  return readMapDefinition(btf, `${map.name}.inner`, target.id, true);
}
