import type { Btf } from '../btf/btf.ts';
import { skipModifiers } from '../btf/resolve-type.ts';
import type { ElfSymbol } from '../elf/elf-file.ts';
import { BpfObjectError } from '../errors.ts';
import type { BpfExtern } from './bpf-object.ts';
import type { ObjectContext } from './context.ts';

/** Whether a symbol is to be supplied by the kernel (libbpf sym_is_extern). */
export function isExternSymbol(symbol: ElfSymbol): boolean {
  return (
    symbol.sectionIndex === 0 &&
    symbol.type === 'none' &&
    symbol.name !== '' &&
    ['global', 'weak'].includes(symbol.binding)
  );
}

function invalid(name: string, message: string): BpfObjectError {
  return new BpfObjectError('ERR_EXTERN_INVALID', `extern ${name}: ${message}`, {
    rule: 'libbpf bpf_object__collect_externs',
    hint: 'Declare it with __ksym or __kconfig (bpf_helpers.h), or link the object that defines it: bpftool gen object',
  });
}

/** Reads the externs: kernel options, kernel symbols and kernel functions. Errors: `ERR_EXTERN_INVALID`. */
export function readExterns({ elf, btf }: ObjectContext): BpfExtern[] {
  const symbols = elf.symbols.filter((symbol) => isExternSymbol(symbol));
  if (symbols.length === 0) return [];
  if (btf === undefined) throw invalid(symbols[0]?.name ?? '', 'the object carries no BTF that says what it is');
  const sections = sectionsOfExterns(btf);
  return symbols.map((symbol) => readExtern(btf, symbol, sections));
}

/** Type id of a variable or function → the section that it is declared in. */
function sectionsOfExterns(btf: Btf): Map<number, '.kconfig' | '.ksyms'> {
  const sections = new Map<number, '.kconfig' | '.ksyms'>();
  for (const name of ['.kconfig', '.ksyms'] as const) {
    for (const id of btf.typesNamed(name, 'datasec')) {
      const type = btf.type(id);
      if (type.kind === 'datasec') for (const variable of type.variables) sections.set(variable.type, name);
    }
  }
  return sections;
}

function readExtern(btf: Btf, symbol: ElfSymbol, sections: Map<number, '.kconfig' | '.ksyms'>): BpfExtern {
  const common = { name: symbol.name, weak: symbol.binding === 'weak' };
  for (const id of btf.typesNamed(symbol.name)) {
    const type = btf.type(id);
    const section = sections.get(id);
    if ((type.kind !== 'var' && type.kind !== 'func') || type.linkage !== 'extern' || section === undefined) continue;
    if (type.kind === 'func') return { ...common, kind: 'kfunc', typed: true, typeId: id };
    const typed = skipModifiers(btf, type.type).kind !== 'void';
    return { ...common, kind: section === '.kconfig' ? 'kconfig' : 'ksym', typed, typeId: id };
  }
  throw invalid(symbol.name, 'its BTF declaration in .ksyms or .kconfig is missing');
}
