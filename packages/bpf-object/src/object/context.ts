import type { BtfExt } from '../btf-ext/parse-btf-ext.ts';
import type { Btf } from '../btf/btf.ts';
import type { BtfVariable } from '../btf/btf-type.ts';
import type { ElfFile, ElfSymbol } from '../elf/elf-file.ts';

/** What every part of the object reader works on. */
export interface ObjectContext {
  elf: ElfFile;
  btf: Btf | undefined;
  btfExt: BtfExt | undefined;
}

/** The variables of a BTF data section, with their types decoded; empty where there is no such section. */
export function variablesOf(btf: Btf | undefined, section: string): BtfVariable[] {
  if (btf === undefined) return [];
  return btf.typesNamed(section, 'datasec').flatMap((id) => {
    const type = btf.type(id);
    if (type.kind !== 'datasec') return [];
    return type.variables.flatMap((variable) => {
      const decoded = btf.type(variable.type);
      return decoded.kind === 'var' ? [decoded] : [];
    });
  });
}

/** Bytes of the variables of a BTF data section, by id of the variable. */
export function variableSizes(btf: Btf, section: string): Map<number, number> {
  const sizes = new Map<number, number>();
  for (const id of btf.typesNamed(section, 'datasec')) {
    const type = btf.type(id);
    if (type.kind === 'datasec') for (const variable of type.variables) sizes.set(variable.type, variable.size);
  }
  return sizes;
}

/** Named symbols that lie in a section, by name. BTF straight from the compiler has no offsets; symbols have. */
export function symbolsIn(elf: ElfFile, sectionIndex: number): Map<string, ElfSymbol> {
  const symbols = elf.symbols.filter((symbol) => symbol.sectionIndex === sectionIndex && symbol.type !== 'section');
  return new Map(symbols.map((symbol) => [symbol.name, symbol]));
}
