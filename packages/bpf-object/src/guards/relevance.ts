import type { BpfFunction } from '../object/bpf-object.ts';
import { CLASS, CODE_CALL, CODE_EXIT, CODE_LOAD_IMM64, type Instruction } from '../object/instruction.ts';
import { successors } from '../requirements/function-features.ts';

/** Bits of r0 to r10. */
const ARGUMENTS = 0b11_1110;
const CALLER_SAVED = 0b11_1111;
const ALL = 0x3ff;

/**
 * For each instruction of a function the registers (as bits) whose contents may still decide a jump, or be a pointer through which such a
 * value is read or written; `returns`: r0 at the end is one of them. All other registers can be forgotten there, which keeps states few.
 */
export function relevantRegisters(entry: BpfFunction, returns: boolean): Uint16Array {
  const { instructions } = entry;
  const relevant = new Uint16Array(instructions.length);
  const next = instructions.map((_, at) => successors(instructions, at));
  const before: number[][] = instructions.map(() => []);
  for (const [at, targets] of next.entries()) for (const target of targets) before[target]?.push(at);
  const open = instructions.map((_, at) => at);
  const queued = new Uint8Array(instructions.length).fill(1);
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    queued[at] = 0;
    const instruction = instructions[at];
    if (instruction === undefined) continue;
    let after = 0;
    for (const target of next[at] ?? []) after |= relevant[target] ?? 0;
    const result = instruction.code === CODE_EXIT ? Number(returns) : transfer(entry, instruction, at, after);
    if (result === relevant[at]) continue;
    relevant[at] = result;
    for (const previous of before[at] ?? []) {
      if (queued[previous] === 1) continue;
      queued[previous] = 1;
      open.push(previous);
    }
  }
  return relevant;
}

function bit(register: number): number {
  return register === 10 ? 0 : 1 << register;
}

/** Registers that matter before the instruction, given those that matter after it. */
function transfer(entry: BpfFunction, instruction: Instruction, at: number, after: number): number {
  const { code, destination, source } = instruction;
  switch (code & 7) {
    case CLASS.alu:
    case CLASS.alu64:
      return transferArithmetic(instruction, after);
    case CLASS.ld:
      // Loads of packet bytes put them into r0 and spoil r1 to r5.
      return code === CODE_LOAD_IMM64 ? after & ~bit(destination) : after & ~CALLER_SAVED;
    case CLASS.ldx:
      return (after & bit(destination)) === 0 ? after : (after & ~bit(destination)) | bit(source);
    case CLASS.st:
      return after | bit(destination);
    case CLASS.stx:
      return transferStore(instruction, after);
    default:
      return transferJump(entry, instruction, at, after);
  }
}

function transferArithmetic({ code, destination, source }: Instruction, after: number): number {
  if ((after & bit(destination)) === 0) return after;
  const operand = (code & 8) === 0 ? 0 : bit(source);
  const isMove = (code & 0xf0) === 0xb0;
  return (isMove ? after & ~bit(destination) : after) | operand;
}

/** Whatever is stored may be read back from the stack. */
function transferStore({ code, destination, source }: Instruction, after: number): number {
  const isAtomic = (code & 0xe0) === 0xc0;
  return after | bit(destination) | (isAtomic ? 0 : bit(source));
}

function transferJump(entry: BpfFunction, instruction: Instruction, at: number, after: number): number {
  const { code, destination, source } = instruction;
  if (code === CODE_CALL) {
    const kind = entry.references.get(at)?.kind;
    // Arguments may be constants of a function of the program, or stack memory that a helper writes.
    return (after & ~CALLER_SAVED) | (kind === 'call' ? ARGUMENTS : ARGUMENTS);
  }
  if ((code & 0xf0) === 0 || (code & 0xf0) === 0xe0) return after;
  return (after | bit(destination) | ((code & 8) === 0 ? 0 : bit(source))) & ALL;
}
