import { BpfObjectError } from '../errors.ts';
import type { BpfFunction, BpfProgram } from './bpf-object.ts';
import { readSectionName } from './attach.ts';
import { helperName } from './helper-names.ts';
import { CODE_CALL, type Instruction } from './instruction.ts';

/** Functions that all programs together may reach. Real objects have a few thousand. */
const MAX_REACHED = 200_000;
/** Instructions that all programs together may reach; a kernel verifies at most a million for one program. */
const MAX_INSTRUCTIONS = 20_000_000;

/** Programs are the functions outside `.text`. */
export function readPrograms(functions: readonly BpfFunction[]): BpfProgram[] {
  let reached = 0;
  let instructions = 0;
  return functions
    .filter((entry) => entry.section !== '.text')
    .map((entry) => {
      const used = reachFrom(entry, functions);
      reached += used.length;
      for (const each of used) instructions += each.instructions.length;
      if (reached > MAX_REACHED || instructions > MAX_INSTRUCTIONS) {
        throw new BpfObjectError('ERR_PROGRAM_INVALID', 'the programs call more functions than any real object has', {
          section: entry.section,
          offset: entry.offset,
          rule: `all programs together reach at most ${MAX_REACHED} functions of ${MAX_INSTRUCTIONS} instructions`,
        });
      }
      const section = entry.section.replace(/^\?/, '');
      return {
        name: entry.name,
        section,
        autoload: !entry.section.startsWith('?'),
        attachment: readSectionName(section),
        functions: used,
        ...collectUses(used),
      };
    });
}

/** All functions that static calls and callbacks reach, the entry first. */
function reachFrom(entry: BpfFunction, functions: readonly BpfFunction[]): BpfFunction[] {
  const found = new Set([entry]);
  for (const current of found) {
    for (const reference of current.references.values()) {
      const target = 'index' in reference ? functions[reference.index] : undefined;
      if (target !== undefined) found.add(target);
    }
  }
  return [...found];
}

/** Whether the instruction calls a helper by number. */
export function isHelperCall(instruction: Instruction): boolean {
  return instruction.code === CODE_CALL && instruction.source === 0;
}

function collectUses(functions: readonly BpfFunction[]): Pick<BpfProgram, 'maps' | 'helpers' | 'externs'> {
  const maps = new Set<string>();
  const helpers = new Set<string>();
  const externs = new Set<string>();
  for (const { instructions, references } of functions) {
    for (const reference of references.values()) {
      if (reference.kind === 'map') maps.add(reference.map);
      else if (reference.kind === 'extern' || reference.kind === 'kfunc') externs.add(reference.name);
    }
    for (const [at, instruction] of instructions.entries()) {
      if (isHelperCall(instruction) && !references.has(at)) helpers.add(helperName(instruction.immediate));
    }
  }
  return { maps: [...maps].sort(), helpers: [...helpers].sort(), externs: [...externs].sort() };
}
