import type { BpfFunction } from '../object/bpf-object.ts';
import {
  CLASS,
  CODE_EXIT,
  CODE_JUMP,
  CODE_LOAD_IMM64,
  CODE_LONG_JUMP,
  CODE_MAY_JUMP,
  jumpTarget,
  type Instruction,
} from '../object/instruction.ts';

/** Abilities that the function's instructions ask of a kernel, named as in the README's table. */
export function functionFeatures(entry: BpfFunction): Set<string> {
  const features = new Set<string>();
  for (const [at, instruction] of entry.instructions.entries()) {
    const version = instructionSet(instruction);
    if (version !== undefined) features.add(version);
    if (instruction.code === CODE_MAY_JUMP) features.add('may-goto');
    const atomic = atomicFeature(instruction);
    if (atomic !== undefined) features.add(atomic);
    if (isAddressSpaceCast(instruction)) features.add('arena');
    const reference = entry.references.get(at);
    if (reference?.kind === 'call') features.add('subprogram-calls');
    if (reference?.kind === 'callback') features.add('callback-functions');
    if (reference?.kind === 'map' && /^\.(data|rodata|bss)/.test(reference.map)) features.add('global-data');
  }
  if (hasLoop(entry.instructions)) features.add('bounded-loops');
  return features;
}

/** The instruction set version that brought this form (RFC 9669, LLVM's -mcpu); undefined for the first. */
function instructionSet(instruction: Instruction): 'cpu-v2' | 'cpu-v3' | 'cpu-v4' | undefined {
  const { code, offset } = instruction;
  const kind = code & 7;
  const operation = code & 0xf0;
  if (code === CODE_LONG_JUMP) return 'cpu-v4';
  if (kind === CLASS.jmp32) return 'cpu-v3';
  // Jumps on "less than", signed and unsigned.
  if (kind === CLASS.jmp) return operation >= 0xa0 && operation <= 0xd0 ? 'cpu-v2' : undefined;
  // Sign-extending loads.
  if (kind === CLASS.ldx) return (code & 0xe0) === 0x80 ? 'cpu-v4' : undefined;
  if (kind !== CLASS.alu && kind !== CLASS.alu64) return undefined;
  const signedDivision = (operation === 0x30 || operation === 0x90) && offset === 1;
  const signExtendingMove = operation === 0xb0 && offset >= 8;
  const swap = operation === 0xd0 && kind === CLASS.alu64;
  return signedDivision || signExtendingMove || swap ? 'cpu-v4' : undefined;
}

/** BPF_LOAD_ACQ and BPF_STORE_REL (include/uapi/linux/bpf.h). */
const ORDERED = new Set([0x100, 0x110]);

/** Atomic operations other than adding without asking for the old value, which is as old as BPF. */
function atomicFeature({ code, immediate }: Instruction): 'atomics' | 'load-acquire' | undefined {
  if ((code & 7) !== CLASS.stx || (code & 0xe0) !== 0xc0 || immediate === 0) return undefined;
  return ORDERED.has(immediate) ? 'load-acquire' : 'atomics';
}

/** `addr_space_cast`, by which pointers into an arena change their form (include/linux/filter.h, BPF_ADDR_SPACE_CAST). */
function isAddressSpaceCast({ code, offset }: Instruction): boolean {
  return code === 0xbf && offset === 1;
}

/** Where execution may go on after an instruction. */
export function successors(instructions: readonly Instruction[], at: number): number[] {
  const instruction = instructions[at];
  if (instruction === undefined || instruction.code === CODE_EXIT) return [];
  const target = jumpTarget(instruction, at);
  if (instruction.code === CODE_JUMP || instruction.code === CODE_LONG_JUMP)
    return target === undefined ? [] : [target];
  const next = at + (instruction.code === CODE_LOAD_IMM64 ? 2 : 1);
  return target === undefined ? [next] : [next, target];
}

/** Whether any path comes back to where it was: kernels before 5.3 refuse that at once. */
function hasLoop(instructions: readonly Instruction[]): boolean {
  const state = new Uint8Array(instructions.length);
  const open: { at: number; left: number[] }[] = [];
  const enter = (at: number): void => {
    state[at] = 1;
    open.push({ at, left: successors(instructions, at) });
  };
  if (instructions.length > 0) enter(0);
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    const next = top.left.pop();
    if (next === undefined) {
      state[top.at] = 2;
      open.pop();
    } else if (state[next] === 1) {
      return true;
    } else if (state[next] === 0) {
      enter(next);
    }
  }
  return false;
}
