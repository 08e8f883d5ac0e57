import type { Btf } from '../btf/btf.ts';
import type { BtfComposite, BtfMember } from '../btf/btf-type.ts';
import { sizeOfType, skipModifiers } from '../btf/resolve-type.ts';
import { BpfObjectError } from '../errors.ts';
import type { BpfMap } from './bpf-object.ts';
import { mapTypeName } from './map-types.ts';

/** A map while its definition is read. */
interface Reading {
  btf: Btf;
  map: BpfMap;
  /** Offset of its variable in `.maps`, for errors. */
  offset: number;
  isInner: boolean;
}

function invalid({ map, offset }: Pick<Reading, 'map' | 'offset'>, message: string): BpfObjectError {
  return new BpfObjectError('ERR_MAP_INVALID', `map ${map.name}: ${message}`, {
    section: '.maps',
    offset,
    rule: 'libbpf parse_btf_map_def',
    hint: 'Define it as bpf_helpers.h shows: struct { __uint(type, …); __type(key, …); … } name SEC(".maps");',
  });
}

/** The variable that defines a map. */
export interface MapVariable {
  name: string;
  typeId: number;
  /** In bytes from the start of `.maps`. */
  offset: number;
}

/** Reads the struct that defines a map: `__uint`, `__type`, `__array` and `__ulong` fields (bpf_helpers.h). */
export function readMapDefinition(btf: Btf, { name, typeId, offset }: MapVariable, isInner: boolean = false): BpfMap {
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
  const reading: Reading = { btf, map, offset, isInner };
  const definition = skipModifiers(btf, typeId);
  if (definition.kind !== 'struct') throw invalid(reading, 'it is not defined by a struct');
  for (const member of definition.members) readField(reading, member);
  if (map.type === '') throw invalid(reading, 'its type is missing');
  return map;
}

function readField(reading: Reading, member: BtfMember): void {
  const { map } = reading;
  switch (member.name) {
    case 'type':
      map.type = mapTypeName(readNumber(reading, member));
      return;
    case 'max_entries':
      map.maxEntries = readNumber(reading, member);
      return;
    case 'map_flags':
      map.flags = readNumber(reading, member);
      return;
    case 'numa_node':
    case 'map_extra':
      readNumber(reading, member);
      return;
    case 'key_size':
    case 'value_size':
      setSize(reading, member.name === 'key_size' ? 'keySize' : 'valueSize', readNumber(reading, member));
      return;
    case 'key':
      map.keyType = readPointed(reading, member);
      setSize(reading, 'keySize', requireSize(reading, map.keyType));
      return;
    case 'value':
      map.valueType = readPointed(reading, member);
      setSize(reading, 'valueSize', requireSize(reading, map.valueType));
      return;
    case 'values':
      readValues(reading, member);
      return;
    case 'pinning':
      map.pinning = readPinning(reading, member);
      return;
    default:
      throw invalid(reading, `field ${member.name} is not known`);
  }
}

/** `__uint(name, value)` is a pointer to an array of `value` elements; `__ulong` an enumeration with that one value. */
function readNumber(reading: Reading, member: BtfMember): number {
  const { btf } = reading;
  const type = skipModifiers(btf, member.type);
  if (type.kind === 'ptr') {
    const array = skipModifiers(btf, type.type);
    if (array.kind === 'array') return array.length;
  }
  const value = type.kind === 'enum' || type.kind === 'enum64' ? type.values[0]?.value : undefined;
  if (typeof value === 'number') return value;
  throw invalid(reading, `field ${member.name} is not a number`);
}

function readPointed(reading: Reading, member: BtfMember): number {
  const type = skipModifiers(reading.btf, member.type);
  if (type.kind === 'ptr') return type.type;
  throw invalid(reading, `field ${member.name} is not a type`);
}

function requireSize(reading: Reading, typeId: number): number {
  const size = sizeOfType(reading.btf, typeId);
  if (size === undefined) throw invalid(reading, 'its key or value has a type without a size');
  return size;
}

function setSize(reading: Reading, field: 'keySize' | 'valueSize', size: number): void {
  const { map } = reading;
  if (map[field] !== 0 && map[field] !== size) throw invalid(reading, `two sizes are given: ${map[field]} and ${size}`);
  map[field] = size;
}

function readPinning(reading: Reading, member: BtfMember): 'none' | 'by-name' {
  const value = readNumber(reading, member);
  if (reading.isInner || value > 1) throw invalid(reading, `pinning ${value} is not allowed here`);
  return value === 1 ? 'by-name' : 'none';
}

/** `__array(values, struct { … })`: maps in a map of maps, or the programs of a program array. */
function readValues(reading: Reading, member: BtfMember): void {
  const { btf, map, isInner } = reading;
  const array = skipModifiers(btf, member.type);
  const pointer = array.kind === 'array' ? skipModifiers(btf, array.elementType) : undefined;
  if (isInner || pointer === undefined) throw invalid(reading, 'values are not allowed here');
  setSize(reading, 'valueSize', 4);
  const target = skipModifiers(btf, pointer.kind === 'ptr' ? pointer.type : pointer.id);
  if (target.kind === 'struct') map.inner = readInner(reading, target);
}

function readInner({ btf, map, offset }: Reading, target: BtfComposite): BpfMap {
  return readMapDefinition(btf, { name: `${map.name}.inner`, typeId: target.id, offset }, true);
}
