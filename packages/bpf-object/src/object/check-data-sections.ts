import type { Btf } from '../btf/btf.ts';
import type { BtfDataSection } from '../btf/btf-type.ts';
import type { ElfFile } from '../elf/elf-file.ts';
import { BpfObjectError } from '../errors.ts';

/** Sections of externs, whose variables need no symbols. */
const EXTERNS: ReadonlySet<string> = new Set(['.kconfig', '.ksyms']);

/** Every section of data that the types describe is there, and every variable in it has a symbol (libbpf btf_fixup_datasec). */
export function checkDataSections(elf: ElfFile, btf: Btf): void {
  const symbols = new Set<string>();
  for (const { type, binding, name } of elf.symbols) {
    if (type === 'object' && (binding === 'global' || binding === 'weak')) symbols.add(name);
  }
  for (let id = 1; id < btf.typeCount; id++) {
    if (btf.kindOf(id) !== 'datasec') continue;
    const section = btf.type(id);
    if (section.kind === 'datasec' && !EXTERNS.has(section.name)) checkSection(elf, btf, section, symbols);
  }
}

function checkSection(elf: ElfFile, btf: Btf, section: BtfDataSection, symbols: ReadonlySet<string>): void {
  const fail = (message: string): never => {
    throw new BpfObjectError('ERR_BTF_INVALID', `section ${section.name}: ${message}`, {
      section: 'the BTF types',
      offset: btf.offsetOf(section.id),
      rule: 'libbpf btf_fixup_datasec',
    });
  };
  // Where the compiler leaves the size to the loader, it is that of the section.
  if (section.size === 0 && !elf.sections.some(({ name, size }) => name === section.name && size > 0)) {
    fail('the object has none of this name');
  }
  for (const { type } of section.variables) {
    const variable = btf.type(type);
    if (variable.kind !== 'var') fail(`type ${type} is no variable`);
    else if (!['static', 'extern'].includes(variable.linkage) && !symbols.has(variable.name)) {
      fail(`${variable.name} has no symbol`);
    }
  }
}
