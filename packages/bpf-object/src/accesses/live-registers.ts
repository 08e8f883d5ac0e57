import type { BpfFunction } from '../object/bpf-object.ts';
import { CLASS, CODE_CALL, CODE_EXIT, CODE_LOAD_IMM64, type Instruction } from '../object/instruction.ts';
import { successors } from '../requirements/function-features.ts';

const ARGUMENTS = 0b11_1110;
const CALLER_SAVED = 0b11_1111;

const found = new WeakMap<BpfFunction, Uint16Array>();

/** For each instruction the registers (as bits) that are read after it is reached, before they are written. */
export function liveRegisters(entry: BpfFunction): Uint16Array {
  let live = found.get(entry);
  if (live === undefined) found.set(entry, (live = findLive(entry)));
  return live;
}

function findLive(entry: BpfFunction): Uint16Array {
  const { instructions } = entry;
  const live = new Uint16Array(instructions.length);
  const next = instructions.map((_, at) => successors(instructions, at));
  const before: number[][] = instructions.map(() => []);
  for (const [at, targets] of next.entries()) for (const target of targets) before[target]?.push(at);
  const open = instructions.map((_, at) => at);
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const instruction = instructions[at];
    if (instruction === undefined) continue;
    let after = 0;
    for (const target of next[at] ?? []) after |= live[target] ?? 0;
    const result = beforeInstruction(instruction, after) & 0x3ff;
    if (result === live[at]) continue;
    live[at] = result;
    for (const previous of before[at] ?? []) open.push(previous);
  }
  return live;
}

function beforeInstruction({ code, destination, source }: Instruction, after: number): number {
  const [to, from] = [1 << destination, 1 << source];
  const operand = (code & 8) === 0 ? 0 : from;
  switch (code & 7) {
    case CLASS.alu:
    case CLASS.alu64: {
      const isMove = (code & 0xf0) === 0xb0;
      const isSwap = (code & 0xf0) === 0xd0;
      return (isMove ? after & ~to : after | to) | (isSwap ? 0 : operand);
    }
    case CLASS.ld:
      if (code === CODE_LOAD_IMM64) return after & ~to;
      // Loads of packet bytes take the context from r6.
      return (after & ~CALLER_SAVED) | (1 << 6) | ((code & 0xe0) === 0x40 ? from : 0);
    case CLASS.ldx:
      return (after & ~to) | from;
    case CLASS.st:
      return after | to;
    case CLASS.stx:
      return after | to | from | ((code & 0xe0) === 0xc0 ? 1 : 0);
    default:
      if (code === CODE_EXIT) return 1;
      if (code === CODE_CALL) return (after & ~CALLER_SAVED) | ARGUMENTS;
      if ((code & 0xf0) === 0 || (code & 0xf0) === 0xe0) return after;
      return after | to | operand;
  }
}
