import { SHF_EXECINSTR, SHT_PROGBITS, type ElfSection, type ElfSymbol } from '../elf/elf-file.ts';
import { BpfObjectError } from '../errors.ts';
import type { ObjectContext } from './context.ts';
import { decodeInstructions, INSTRUCTION_SIZE, type Instruction } from './instruction.ts';

/** A function before its references are known. */
export interface RawFunction {
  name: string;
  section: ElfSection;
  /** In bytes. */
  offset: number;
  /** In bytes. */
  size: number;
  global: boolean;
  instructions: Instruction[];
}

/** Where functions lie: section index → functions, by offset. */
export class FunctionMap {
  readonly all: readonly RawFunction[];
  readonly #bySection: Map<number, { index: number; function: RawFunction }[]> = new Map();

  constructor(functions: readonly RawFunction[]) {
    this.all = functions;
    for (const [index, item] of functions.entries()) {
      const list = this.#bySection.get(item.section.index) ?? [];
      this.#bySection.set(item.section.index, list);
      list.push({ index, function: item });
    }
  }

  /** Whether the section holds functions that others may call. */
  isText(sectionIndex: number): boolean {
    return this.#bySection.get(sectionIndex)?.[0]?.function.section.name === '.text';
  }

  /** Index of the function that holds the byte, undefined where none does (a weak function that the linker dropped). */
  find(sectionIndex: number, offset: number): number | undefined {
    const list = this.#bySection.get(sectionIndex) ?? [];
    let low = 0;
    let high = list.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const entry = list[middle];
      if (entry === undefined) return undefined;
      if (offset < entry.function.offset) high = middle - 1;
      else if (offset >= entry.function.offset + entry.function.size) low = middle + 1;
      else return entry.index;
    }
    return undefined;
  }
}

/** Reads all functions of sections with instructions, in the order of section and offset. */
export function readFunctions({ elf }: ObjectContext): FunctionMap {
  const functions: RawFunction[] = [];
  const bySection = new Map<number, ElfSymbol[]>();
  for (const symbol of elf.symbols) {
    if (symbol.type !== 'function') continue;
    const list = bySection.get(symbol.sectionIndex) ?? [];
    bySection.set(symbol.sectionIndex, list);
    list.push(symbol);
  }
  for (const section of elf.sections) {
    if (section.type !== SHT_PROGBITS || (section.flags & SHF_EXECINSTR) === 0 || section.size === 0) continue;
    const symbols = (bySection.get(section.index) ?? []).sort((a, b) => a.value - b.value);
    let end = 0;
    for (const symbol of symbols) {
      checkFunction(section, symbol, end);
      end = symbol.value + symbol.size;
      functions.push({
        name: symbol.name,
        section,
        offset: symbol.value,
        size: symbol.size,
        global: symbol.binding !== 'local' && !symbol.hidden,
        instructions: decodeInstructions(section.data.subarray(symbol.value, end), elf.littleEndian),
      });
    }
  }
  return new FunctionMap(functions);
}

function checkFunction(section: ElfSection, symbol: ElfSymbol, previousEnd: number): void {
  const fail = (message: string, rule: string): never => {
    throw new BpfObjectError('ERR_PROGRAM_INVALID', `function ${symbol.name}: ${message}`, {
      section: section.name,
      offset: symbol.value,
      rule,
    });
  };
  if (symbol.size === 0 || symbol.size % INSTRUCTION_SIZE !== 0 || symbol.value % INSTRUCTION_SIZE !== 0) {
    fail(`${symbol.size} bytes are no whole instructions`, 'libbpf bpf_object__add_programs: sizes are multiples of 8');
  }
  if (symbol.value + symbol.size > section.data.length)
    fail('it does not end inside its section', 'libbpf bpf_object__add_programs');
  if (symbol.value < previousEnd) fail('it overlaps the one before', 'functions of a section do not overlap');
  if (section.name !== '.text' && symbol.binding === 'local') {
    fail('a program cannot be static', 'libbpf bpf_object__add_programs: entry programs are global');
  }
}
