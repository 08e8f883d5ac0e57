import { decodeText } from '../byte-reader.ts';
import { parseBtfExt } from '../btf-ext/parse-btf-ext.ts';
import type { CoreRelocationRecord } from '../btf-ext/parse-btf-ext.ts';
import { parseBtf } from '../btf/parse-btf.ts';
import { findSection, type ElfFile, SHT_PROGBITS } from '../elf/elf-file.ts';
import { readElf } from '../elf/read-elf.ts';
import { BpfObjectError } from '../errors.ts';
import type { BpfFunction, BpfObject, BpfVariable } from './bpf-object.ts';
import { checkDataSections } from './check-data-sections.ts';
import type { ObjectContext } from './context.ts';
import { readExterns } from './read-externs.ts';
import { readFunctions, type FunctionMap } from './read-functions.ts';
import { readMaps } from './read-maps.ts';
import { readPrograms } from './read-programs.ts';
import { readReferences } from './read-references.ts';

/**
 * Reads a BPF object file (bytes of a `.bpf.o`) as libbpf 1.x reads it. The `version` section is ignored, as libbpf ignores it.
 * Errors: {@link BpfObjectError} of every code but the last two.
 */
export function readBpfObject(bytes: Uint8Array): BpfObject {
  const context = readContext(readElf(bytes));
  if (context.btf !== undefined) checkDataSections(context.elf, context.btf);
  const functionMap = readFunctions(context);
  const externs = readExterns(context);
  const table = readMaps(context, functionMap, externs);
  const references = readReferences(context, functionMap, table);
  const relocations = groupRelocations(context, functionMap);
  const functions = functionMap.all.map((raw, index): BpfFunction => ({
    name: raw.name,
    section: raw.section.name,
    offset: raw.offset,
    global: raw.global,
    instructions: raw.instructions,
    references: references[index] ?? new Map(),
    relocations: relocations.get(index) ?? [],
  }));
  return {
    littleEndian: context.elf.littleEndian,
    license: readLicense(context.elf),
    btf: context.btf,
    btfExt: context.btfExt,
    functions,
    programs: readPrograms(functions),
    maps: table.maps,
    externs,
    variables: readVariables(context.elf, table.bySection),
  };
}

function readVariables(elf: ElfFile, sections: ReadonlyMap<number, string>): BpfVariable[] {
  return elf.symbols.flatMap(({ type, name, sectionIndex, value, size }): BpfVariable[] => {
    const map = sections.get(sectionIndex);
    return type === 'object' && map !== undefined ? [{ name, map, offset: value, size }] : [];
  });
}

/** Sections that a loader takes one of (libbpf bpf_object__elf_collect): where there are two, readers may take different ones. */
const SINGLE: ReadonlySet<string> = new Set([
  '.BTF',
  '.BTF.ext',
  '.maps',
  '.struct_ops',
  '.struct_ops.link',
  'license',
]);

function checkSections(elf: ElfFile): void {
  const seen = new Set<string>();
  for (const { name, type, index } of elf.sections) {
    if (!SINGLE.has(name)) continue;
    if (seen.has(name)) {
      throw new BpfObjectError('ERR_ELF_INVALID', `section ${index} repeats the name ${name}`, {
        section: name,
        offset: 0,
        rule: 'an object has one section of this name',
      });
    }
    seen.add(name);
    if (!name.startsWith('.BTF') || type === SHT_PROGBITS) continue;
    throw new BpfObjectError('ERR_ELF_INVALID', `section ${index} is of type ${type}, not SHT_PROGBITS (1)`, {
      section: name,
      offset: 0,
      rule: 'libbpf bpf_object__elf_collect',
    });
  }
}

function readContext(elf: ElfFile): ObjectContext {
  checkSections(elf);
  const section = findSection(elf, '.BTF');
  // A BPF program's own pointers have 64 bits on every machine.
  const btf = section === undefined ? undefined : parseBtf(section.data, { pointerSize: 8, validate: true });
  const extension = findSection(elf, '.BTF.ext');
  const btfExt = btf === undefined || extension === undefined ? undefined : parseBtfExt(extension.data, btf);
  return { elf, btf, btfExt };
}

function readLicense(elf: ElfFile): string {
  const data = findSection(elf, 'license')?.data ?? new Uint8Array(0);
  const end = data.indexOf(0);
  return decodeText(data.subarray(0, Math.min(end < 0 ? data.length : end, 64)));
}

/** Index of a function → its CO-RE relocations. Those of functions that the linker dropped are left out, as libbpf leaves them out. */
function groupRelocations({ elf, btfExt }: ObjectContext, functions: FunctionMap): Map<number, CoreRelocationRecord[]> {
  const groups = new Map<number, CoreRelocationRecord[]>();
  const sections = new Map(elf.sections.map((section) => [section.name, section.index]));
  for (const record of btfExt?.relocations ?? []) {
    const index = functions.find(sections.get(record.section) ?? 0, record.offset);
    if (index === undefined) continue;
    const group = groups.get(index) ?? [];
    groups.set(index, group);
    group.push(record);
  }
  return groups;
}
