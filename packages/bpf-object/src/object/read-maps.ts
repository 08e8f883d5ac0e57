import type { Btf } from '../btf/btf.ts';
import type { BtfComposite, BtfVariable } from '../btf/btf-type.ts';
import { sizeOfType, skipModifiers } from '../btf/resolve-type.ts';
import {
  findSection,
  SHF_EXECINSTR,
  SHT_NOBITS,
  SHT_PROGBITS,
  type ElfFile,
  type ElfRelocation,
  type ElfSection,
  type ElfSymbol,
} from '../elf/elf-file.ts';
import { BpfObjectError } from '../errors.ts';
import type { BpfExtern, BpfMap } from './bpf-object.ts';
import { symbolsIn, variablesOf, variableSizes, type ObjectContext } from './context.ts';
import { readMapDefinition } from './read-map-definition.ts';
import type { FunctionMap } from './read-functions.ts';

/** Bytes of a pointer, as elements of `values` are. */
const POINTER_SIZE = 8;
/** Global data that lies in the one arena of an object (libbpf ARENA_SEC). */
const ARENA_DATA = '.addr_space.1';
/** Programs that the members of all structs of struct_ops may name. Real ones have some dozen. */
const MAX_STRUCT_OPS_PROGRAMS = 65_536;

/** Maps, and where an instruction's relocation finds them. */
export interface MapTable {
  maps: BpfMap[];
  /** Section index → offset in bytes → name, for maps that are variables. */
  byPlace: Map<number, Map<number, string>>;
  /** Section index → name, for global data: the whole section is one map. */
  bySection: Map<number, string>;
}

/** Reads the maps: those of `.maps`, of struct_ops, and the internal ones of global data. */
export function readMaps(context: ObjectContext, functions: FunctionMap, externs: readonly BpfExtern[]): MapTable {
  const table: MapTable = { maps: [], byPlace: new Map(), bySection: new Map() };
  const { elf } = context;
  if (findSection(elf, 'maps') !== undefined) {
    throw new BpfObjectError(
      'ERR_MAPS_LEGACY',
      'maps are defined by struct bpf_nameddef, which libbpf 1.0 and newer refuse',
      {
        section: 'maps',
        offset: 0,
        rule: 'libbpf 1.0: maps are defined in SEC(".maps") with BTF',
        hint: 'Define the maps in SEC(".maps"): https://docs.kernel.org/bpf/libbpf/libbpf_overview.html',
      },
    );
  }
  for (const section of elf.sections) {
    if (section.name === '.maps') readDefined(context, section, table, functions);
    else if (section.name === '.struct_ops' || section.name === '.struct_ops.link')
      readStructOps(context, section, functions, table);
    else if (isDataSection(section)) {
      table.bySection.set(section.index, section.name);
      table.maps.push(internalMap(section.name, section.size, section.data));
    }
  }
  readArenaData(elf, table);
  const kconfig = externs.filter((extern) => extern.kind === 'kconfig');
  if (kconfig.length > 0) table.maps.push(internalMap('.kconfig', kconfigSize(context, kconfig), new Uint8Array(0)));
  return table;
}

/** The records from an offset on, in a list that is in their order. */
function relocationsWithin(records: readonly ElfRelocation[], from: number, size: number): readonly ElfRelocation[] {
  let low = 0;
  let high = records.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((records[middle]?.offset ?? 0) < from) low = middle + 1;
    else high = middle;
  }
  let end = low;
  while ((records[end]?.offset ?? Infinity) < from + size) end += 1;
  return records.slice(low, end);
}

/** Globals in the address space of the arena are the start of its pages (libbpf 1.4 and newer: bpf_object__init_user_btf_maps). */
function readArenaData(elf: ElfFile, table: MapTable): void {
  const arenas = table.maps.filter(({ type }) => type === 'arena');
  if (arenas[1] !== undefined) {
    throw new BpfObjectError('ERR_MAP_INVALID', `map ${arenas[1].name}: an object has one arena at most`, {
      section: '.maps',
      offset: 0,
      rule: 'libbpf bpf_object__init_user_btf_maps: only single ARENA map is supported',
    });
  }
  const section = findSection(elf, ARENA_DATA);
  if (section === undefined) return;
  if (arenas[0] === undefined) {
    throw new BpfObjectError('ERR_MAP_INVALID', 'variables lie in an arena, and the object defines none', {
      section: section.name,
      offset: 0,
      rule: 'libbpf bpf_object__init_user_btf_maps: the ARENA map must be declared in SEC(".maps")',
    });
  }
  table.bySection.set(section.index, arenas[0].name);
}

/** Members that name a program or are not zero: the kernel's struct must have them (libbpf bpf_named_init_kern_struct_ops). */
function membersInUse({ members, size }: BtfComposite, bytes: Uint8Array, places: readonly number[]): string[] {
  return members.flatMap(({ name, bitOffset }, index) => {
    const start = bitOffset >> 3;
    // Members of a union lie on one another, those of a struct end where the next begins.
    const end = (members[index + 1]?.bitOffset ?? size * 8) >> 3;
    const inUse =
      places.some((place) => place >= start && place < end) || bytes.subarray(start, end).some((byte) => byte !== 0);
    return inUse && name !== '' ? [name] : [];
  });
}

/** Global data (libbpf bpf_object__elf_collect): bytes of the file, or for `.bss` none. */
function isDataSection({ name, type, flags, size }: ElfSection): boolean {
  if (size === 0) return false;
  if (/^\.bss(\..+)?$/.test(name)) return type === SHT_NOBITS;
  return /^\.(data|rodata)(\..+)?$/.test(name) && type === SHT_PROGBITS && (flags & SHF_EXECINSTR) === 0;
}

function internalMap(name: string, valueSize: number, data: Uint8Array): BpfMap {
  const readOnly = name.startsWith('.rodata') || name === '.kconfig';
  return {
    name,
    type: 'array',
    keySize: 4,
    valueSize,
    maxEntries: 1,
    // BPF_F_RDONLY_PROG
    flags: readOnly ? 0x80 : 0,
    pinning: 'none',
    internal: true,
    data,
  };
}

/** Size of the values that the loader lays out for kconfig externs, each at its own alignment. */
function kconfigSize({ btf }: ObjectContext, externs: readonly BpfExtern[]): number {
  const sizes = externs.map((extern) => (btf === undefined ? 0 : (sizeOfType(btf, extern.typeId) ?? 0)));
  return sizes.sort((a, b) => b - a).reduce((sum, size) => sum + size, 0);
}

function readDefined({ elf, btf }: ObjectContext, section: ElfSection, table: MapTable, functions: FunctionMap): void {
  if (btf === undefined) {
    throw new BpfObjectError('ERR_BTF_MISSING', 'maps are defined, but the object carries no BTF', {
      section: '.maps',
      offset: 0,
      rule: 'libbpf bpf_object__init_user_btf_maps',
    });
  }
  const symbols = symbolsIn(elf, section.index);
  const places = new Map<number, string>();
  const names = new Set<string>();
  const sizes = variableSizes(btf, '.maps');
  for (const variable of variablesOf(btf, '.maps')) {
    const symbol = symbols.get(variable.name);
    if (symbol === undefined) {
      throw new BpfObjectError('ERR_MAP_INVALID', `map ${variable.name} has no symbol`, {
        section: '.maps',
        offset: 0,
        rule: 'libbpf bpf_object__init_user_btf_map',
      });
    }
    const size = sizes.get(variable.id) ?? 0;
    checkMap(names, section, variable, { ...symbol, size });
    checkDefinition(btf, variable, size, symbol.value);
    places.set(symbol.value, variable.name);
    table.maps.push(readMapDefinition(btf, { name: variable.name, typeId: variable.type, offset: symbol.value }));
  }
  table.byPlace.set(section.index, places);
  readContents({ elf, btf }, section, table, { maps: places, functions });
}

/** What the field `values` of a map of maps, or a program array, names (libbpf bpf_object__collect_namedrelos). */
function readContents(
  { elf, btf }: { elf: ElfFile; btf: Btf },
  section: ElfSection,
  { maps }: MapTable,
  places: { maps: ReadonlyMap<number, string>; functions: FunctionMap },
): void {
  const records = elf.relocations.get(section.index) ?? [];
  const offsets = new Map([...places.maps].map(([offset, name]) => [name, offset]));
  for (const variable of variablesOf(btf, '.maps')) {
    const map = maps.find(({ name }) => name === variable.name);
    const definition = skipModifiers(btf, variable.type);
    const start = offsets.get(variable.name);
    if (map === undefined || definition.kind !== 'struct' || start === undefined) continue;
    const values = definition.members.find(({ name }) => name === 'values');
    if (values === undefined) continue;
    const first = start + (values.bitOffset >> 3);
    const size = variableSizes(btf, '.maps').get(variable.id) ?? 0;
    const contents = relocationsWithin(records, first, start + size - first).flatMap(({ offset, symbol }) => {
      const index = places.functions.find(symbol.sectionIndex, symbol.value);
      const named = symbol.sectionIndex === section.index ? places.maps.get(symbol.value) : undefined;
      const name = named ?? (index === undefined ? undefined : places.functions.all[index]?.name);
      return name === undefined ? [] : [{ slot: (offset - first) / POINTER_SIZE, name }];
    });
    if (contents.length > 0) map.contents = contents;
  }
}

/** The struct that defines a map is no larger than its variable. */
function checkDefinition(btf: Btf, { name, type }: BtfVariable, size: number, offset: number): void {
  const definition = skipModifiers(btf, type);
  if (definition.kind !== 'struct' || definition.size <= size) return;
  throw new BpfObjectError(
    'ERR_MAP_INVALID',
    `map ${name}: its struct has ${definition.size} bytes, its variable ${size}`,
    {
      section: '.maps',
      offset,
      rule: 'libbpf bpf_object__init_user_btf_map',
    },
  );
}

function checkMap(names: Set<string>, section: ElfSection, { name, linkage }: BtfVariable, symbol: ElfSymbol): void {
  const fail = (message: string): never => {
    throw new BpfObjectError('ERR_MAP_INVALID', `map ${name}: ${message}`, {
      section: section.name,
      offset: symbol.value,
      rule: 'libbpf bpf_object__init_user_btf_map',
    });
  };
  if (name === '') fail('it has no name');
  if (linkage !== 'global' || symbol.hidden) fail('maps are global variables that are not hidden');
  if (symbol.value + symbol.size > section.size) fail('it does not end inside its section');
  if (names.has(name)) fail('two maps have this name');
  names.add(name);
}

function readStructOps(
  { elf, btf }: ObjectContext,
  section: ElfSection,
  functions: FunctionMap,
  table: MapTable,
): void {
  if (btf === undefined) return;
  const symbols = symbolsIn(elf, section.index);
  const places = new Map<number, string>();
  let members = 0;
  for (const variable of variablesOf(btf, section.name)) {
    const symbol = symbols.get(variable.name);
    const type = skipModifiers(btf, variable.type);
    if (symbol === undefined || type.kind !== 'struct') {
      throw new BpfObjectError('ERR_MAP_INVALID', `struct_ops ${variable.name} is no struct with a symbol`, {
        section: section.name,
        offset: symbol?.value ?? 0,
        rule: 'libbpf init_struct_ops_maps',
      });
    }
    places.set(symbol.value, variable.name);
    const records = relocationsWithin(elf.relocations.get(section.index) ?? [], symbol.value, type.size);
    members += records.length;
    if (members > MAX_STRUCT_OPS_PROGRAMS) {
      throw new BpfObjectError('ERR_MAP_INVALID', 'the structs of struct_ops lie on top of one another', {
        section: section.name,
        offset: symbol.value,
        rule: `all of them together name at most ${MAX_STRUCT_OPS_PROGRAMS} programs`,
      });
    }
    const programs = records.flatMap((record) => {
      const index = functions.find(record.symbol.sectionIndex, record.symbol.value);
      const name = index === undefined ? undefined : functions.all[index]?.name;
      return name === undefined ? [] : [name];
    });
    const bytes = section.data.subarray(symbol.value, symbol.value + type.size);
    const named = records.map((record) => record.offset - symbol.value);
    table.maps.push({
      ...internalMap(variable.name, type.size, bytes),
      type: 'struct_ops',
      internal: false,
      structOps: {
        type: type.name,
        programs,
        members: membersInUse(type, bytes, named),
        link: section.name === '.struct_ops.link',
      },
    });
  }
  table.byPlace.set(section.index, places);
}
