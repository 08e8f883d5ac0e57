import type { Btf } from '../btf/btf.ts';
import type { BtfFunction, BtfType, BtfVariable } from '../btf/btf-type.ts';
import { skipModifiers } from '../btf/resolve-type.ts';
import { SYMBOL_SIZE, type ElfSymbol } from '../elf/elf-file.ts';
import { BpfObjectError } from '../errors.ts';
import type { BpfExtern } from './bpf-object.ts';
import type { ObjectContext } from './context.ts';

const BTF_INT_BOOL = 4;

/** Whether a symbol is to be supplied by the kernel (libbpf sym_is_extern). */
export function isExternSymbol(symbol: ElfSymbol): boolean {
  return (
    symbol.sectionIndex === 0 &&
    symbol.type === 'none' &&
    symbol.name !== '' &&
    ['global', 'weak'].includes(symbol.binding)
  );
}

function invalid(symbol: ElfSymbol | undefined, message: string): BpfObjectError {
  return new BpfObjectError('ERR_EXTERN_INVALID', `extern ${symbol?.name ?? ''}: ${message}`, {
    section: 'the symbol table',
    offset: SYMBOL_SIZE * (symbol?.index ?? 0),
    rule: 'libbpf bpf_object__collect_externs',
    hint: 'Declare it with __ksym or __kconfig (bpf_helpers.h), or link the object that defines it: bpftool gen object',
  });
}

/** Reads the externs: kernel options, kernel symbols and kernel functions. Errors: `ERR_EXTERN_INVALID`. */
export function readExterns({ elf, btf }: ObjectContext): BpfExtern[] {
  const symbols = elf.symbols.filter((symbol) => isExternSymbol(symbol));
  if (symbols.length === 0) return [];
  if (btf === undefined) throw invalid(symbols[0], 'the object carries no BTF that says what it is');
  const declared = declaredExterns(btf);
  const names = new Set(symbols.map(({ name }) => name));
  for (const name of declared.keys())
    if (!names.has(name)) throw invalid(symbols[0], `${name} is declared and has no symbol`);
  return symbols.map((symbol) => readExtern(btf, symbol, declared));
}

/** A declaration of an extern. */
interface Declaration {
  type: BtfVariable | BtfFunction;
  section: '.kconfig' | '.ksyms';
}

/** Name → the declaration of lowest id, of all externs that stand in a section of externs. */
function declaredExterns(btf: Btf): Map<string, Declaration> {
  const sections = new Map<number, Declaration['section']>();
  for (const name of ['.kconfig', '.ksyms'] as const) {
    for (const id of btf.typesNamed(name, 'datasec')) {
      const type = btf.type(id);
      if (type.kind === 'datasec') for (const variable of type.variables) sections.set(variable.type, name);
    }
  }
  const declared = new Map<string, Declaration>();
  for (const [id, section] of [...sections].sort(([a], [b]) => a - b)) {
    const type = btf.type(id);
    if ((type.kind !== 'var' && type.kind !== 'func') || type.linkage !== 'extern') continue;
    if (!declared.has(type.name)) declared.set(type.name, { type, section });
  }
  return declared;
}

/** Types of variables that hold kernel options (libbpf find_kcfg_type). */
function isOption(btf: Btf, variable: BtfVariable | BtfFunction): boolean {
  if (variable.kind === 'func') return false;
  const type = skipModifiers(btf, variable.type);
  if (type.kind !== 'array') return isScalarOption(type);
  const element = skipModifiers(btf, type.elementType);
  return type.length > 0 && element.kind === 'int' && element.size === 1 && (element.encoding & BTF_INT_BOOL) === 0;
}

function isScalarOption(type: BtfType): boolean {
  if (type.kind === 'enum') return type.size === 4 && type.name === 'libbpf_tristate';
  if (type.kind === 'enum64') return type.name === 'libbpf_tristate';
  if (type.kind !== 'int') return false;
  return (type.encoding & BTF_INT_BOOL) === 0 ? [1, 2, 4, 8].includes(type.size) : type.size === 1;
}

function readExtern(btf: Btf, symbol: ElfSymbol, declared: ReadonlyMap<string, Declaration>): BpfExtern {
  const common = { name: symbol.name, weak: symbol.binding === 'weak' };
  const found = declared.get(symbol.name);
  if (found === undefined) throw invalid(symbol, 'its BTF declaration in .ksyms or .kconfig is missing');
  const { type, section } = found;
  if (section === '.kconfig' && !isOption(btf, type)) throw invalid(symbol, 'no kernel option has this type');
  if (type.kind === 'func') return { ...common, kind: 'kfunc', typed: true, typeId: type.id };
  const typed = skipModifiers(btf, type.type).kind !== 'void';
  return { ...common, kind: section === '.kconfig' ? 'kconfig' : 'ksym', typed, typeId: type.id };
}
