import type { BpfExtern, BpfFunction, BpfProgram } from '../object/bpf-object.ts';
import { CLASS, type Instruction } from '../object/instruction.ts';
import { successors } from './function-features.ts';

/** Relocations by which a program can ask what the kernel has: where nothing matches they give 0 instead of failing. */
const ASKING_KINDS = new Set([
  'field-exists',
  'type-exists',
  'type-matches',
  'type-size',
  'type-id-target',
  'enumval-exists',
]);

/** Whether a relocation of this kind can fail at all for want of a match. */
export function canFail(kind: string): boolean {
  return !ASKING_KINDS.has(kind) && kind !== 'type-id-local';
}

/** Whether the program asks anything about the kernel that it could branch on. */
export function asksTheKernel(program: BpfProgram, externs: readonly BpfExtern[]): boolean {
  const askable = new Set(externs.filter((extern) => extern.kind === 'kconfig' || extern.weak).map(({ name }) => name));
  if (program.externs.some((name) => askable.has(name))) return true;
  return program.functions.some(
    (entry) => entry.relocations.some(({ kind }) => ASKING_KINDS.has(kind)) || readsConstantFlag(entry),
  );
}

/** Whether a `const volatile` variable is read: its address is loaded and a load follows through the same register. */
function readsConstantFlag(entry: BpfFunction): boolean {
  for (const [at, reference] of entry.references) {
    if (reference.kind !== 'map' || reference.map !== '.rodata') continue;
    const register = entry.instructions[at]?.destination;
    const next = entry.instructions.slice(at + 2, at + 10);
    if (next.some((instruction) => isLoadThrough(instruction, register))) return true;
  }
  return false;
}

function isLoadThrough(instruction: Instruction, register: number | undefined): boolean {
  return (instruction.code & 7) === CLASS.ldx && instruction.source === register;
}

/**
 * The instructions that every run of the program executes: from its entry up to the first conditional jump, through the functions
 * that are called on the way. Anything later is taken as conditional, which can make a verdict uncertain but never wrong.
 */
export function unconditionalInstructions(
  program: BpfProgram,
  functions: readonly BpfFunction[],
): Map<BpfFunction, Set<number>> {
  const always = new Map<BpfFunction, Set<number>>();
  const entry = program.functions[0];
  const open = entry === undefined ? [] : [entry];
  for (let current = open.pop(); current !== undefined; current = open.pop()) {
    if (always.has(current)) continue;
    const seen = new Set<number>();
    always.set(current, seen);
    let path = [0];
    while (path.length === 1 && path[0] !== undefined && !seen.has(path[0]) && path[0] < current.instructions.length) {
      const at = path[0];
      seen.add(at);
      const reference = current.references.get(at);
      const callee = reference?.kind === 'call' ? functions[reference.index] : undefined;
      if (callee !== undefined) open.push(callee);
      path = successors(current.instructions, at);
    }
  }
  return always;
}
