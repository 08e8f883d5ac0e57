import type { ElfRelocation } from '../elf/elf-file.ts';
import { BpfObjectError } from '../errors.ts';
import type { Reference } from './bpf-object.ts';
import type { ObjectContext } from './context.ts';
import {
  CODE_CALL,
  CODE_LOAD_IMM64,
  INSTRUCTION_SIZE,
  PSEUDO_CALL,
  PSEUDO_FUNCTION,
  type Instruction,
} from './instruction.ts';
import { isExternSymbol } from './read-externs.ts';
import type { FunctionMap, RawFunction } from './read-functions.ts';
import type { MapTable } from './read-maps.ts';

/** What each function's instructions refer to, in the order of the functions (libbpf bpf_program__record_reloc). */
export function readReferences(
  context: ObjectContext,
  functions: FunctionMap,
  maps: MapTable,
): Map<number, Reference>[] {
  const all = functions.all.map(() => new Map<number, Reference>());
  for (const [sectionIndex, records] of context.elf.relocations) {
    for (const record of records) {
      const index = functions.find(sectionIndex, record.offset);
      const holder = index === undefined ? undefined : functions.all[index];
      if (index === undefined || holder === undefined) continue;
      const at = (record.offset - holder.offset) / INSTRUCTION_SIZE;
      const instruction = holder.instructions[at];
      if (instruction === undefined) throw invalid(holder, record, 'it changes no whole instruction');
      all[index]?.set(at, classify(record, instruction, holder, functions, maps));
    }
  }
  for (const [index, holder] of functions.all.entries()) addPlainCalls(holder, all[index] ?? new Map(), functions);
  return all;
}

function invalid(
  holder: RawFunction,
  record: { offset: number; symbol?: { name: string } },
  message: string,
): BpfObjectError {
  return new BpfObjectError(
    'ERR_RELOCATION_INVALID',
    `${holder.name}: relocation against ${record.symbol?.name ?? '?'}: ${message}`,
    {
      section: holder.section.name,
      offset: record.offset,
      rule: 'libbpf bpf_program__record_reloc',
    },
  );
}

function classify(
  record: ElfRelocation,
  instruction: Instruction,
  holder: RawFunction,
  functions: FunctionMap,
  maps: MapTable,
): Reference {
  const { symbol } = record;
  const isCall = instruction.code === CODE_CALL;
  if (!isCall && instruction.code !== CODE_LOAD_IMM64)
    throw invalid(holder, record, 'the instruction takes no relocation');
  if (isExternSymbol(symbol)) return { kind: isCall ? 'kfunc' : 'extern', name: symbol.name };
  if (isCall) {
    if (instruction.source !== PSEUDO_CALL) throw invalid(holder, record, 'it is no call of a function');
    if (!functions.isText(symbol.sectionIndex)) throw invalid(holder, record, 'it calls a function outside of .text');
    const target = symbol.value + (instruction.immediate + 1) * INSTRUCTION_SIZE;
    return functionReference('call', functions, symbol.sectionIndex, target, () =>
      invalid(holder, record, 'no function is there'),
    );
  }
  const map = maps.byPlace.get(symbol.sectionIndex)?.get(symbol.value);
  if (map !== undefined) return { kind: 'map', map, offset: 0 };
  const section = maps.bySection.get(symbol.sectionIndex);
  if (section !== undefined) return { kind: 'map', map: section, offset: symbol.value + instruction.immediate };
  // libbpf sym_is_subprog
  const isFunction = symbol.type === 'function' || (symbol.type === 'section' && symbol.binding === 'local');
  if (!isFunction || !functions.isText(symbol.sectionIndex))
    throw invalid(holder, record, 'it names neither map, data nor function of .text');
  const target = symbol.value + instruction.immediate;
  return functionReference('callback', functions, symbol.sectionIndex, target, () =>
    invalid(holder, record, 'it names neither map, data nor function'),
  );
}

function functionReference(
  kind: 'call' | 'callback',
  functions: FunctionMap,
  sectionIndex: number,
  offset: number,
  fail: () => BpfObjectError,
): Reference {
  const index = functions.find(sectionIndex, offset);
  const target = index === undefined ? undefined : functions.all[index];
  if (index === undefined || target === undefined) throw fail();
  return { kind, function: target.name, index };
}

/** Calls within one section need no relocation: the compiler has filled in the distance. */
function addPlainCalls(holder: RawFunction, references: Map<number, Reference>, functions: FunctionMap): void {
  for (const [at, instruction] of holder.instructions.entries()) {
    const isCall = instruction.code === CODE_CALL && instruction.source === PSEUDO_CALL;
    const isCallback = instruction.code === CODE_LOAD_IMM64 && instruction.source === PSEUDO_FUNCTION;
    if (references.has(at) || (!isCall && !isCallback)) continue;
    const offset = holder.offset + (at + instruction.immediate + 1) * INSTRUCTION_SIZE;
    const fail = (): BpfObjectError =>
      invalid(holder, { offset: holder.offset + at * INSTRUCTION_SIZE }, 'no function is there');
    references.set(at, functionReference(isCall ? 'call' : 'callback', functions, holder.section.index, offset, fail));
  }
}
