import { StackMemory } from './stack-memory.ts';
import { stackPointer, UNKNOWN, type Value } from './value.ts';

/** Registers r0 to r9; r10 is the frame's own. */
const REGISTERS = 10;

/** A function in the course of execution. */
export interface Frame {
  /** Index into the object's functions. */
  function: number;
  stack: StackMemory;
  /** What its caller had in r6 to r9, and where it goes on. Absent for the outermost. */
  caller?: { at: number; saved: readonly Value[] };
  /** The function is a callback: when it returns, the helper may call it again with these registers. */
  callback?: { registers: readonly Value[] };
}

/** All that the exploration knows at one instruction. */
export interface MachineState {
  /** Index of the next instruction in the innermost frame's function. */
  at: number;
  /** r0 to r9 of the innermost frame. */
  registers: Value[];
  /** Outermost first. */
  frames: Frame[];
}

/** The state at a function's first instruction; `args` are r1 and on. */
export function enterFunction(index: number, args: readonly Value[]): MachineState {
  return { at: 0, registers: registersOf(args), frames: [{ function: index, stack: new StackMemory() }] };
}

/** Ten registers with arguments in r1 to r5. */
export function registersOf(args: readonly Value[]): Value[] {
  const registers = Array.from({ length: REGISTERS }, () => UNKNOWN);
  for (const [index, value] of args.entries()) registers[index + 1] = value;
  return registers;
}

/** The frame that is being executed. */
export function innermost(state: MachineState): Frame {
  const frame = state.frames.at(-1);
  if (frame === undefined) throw new RangeError('a state has at least one frame');
  return frame;
}

/** An independent copy. */
export function copyState({ at, registers, frames }: MachineState): MachineState {
  return {
    at,
    registers: [...registers],
    frames: frames.map((frame) => ({ ...frame, stack: frame.stack.copy() })),
  };
}

/** What a register holds. */
export function readRegister(state: MachineState, register: number): Value {
  return register === 10 ? stackPointer(state.frames.length - 1, 0) : (state.registers[register] ?? UNKNOWN);
}

/** Where the innermost frames are, without what is known there: equal for states that a join may unite. */
export function placeKey({ at, frames }: MachineState): string {
  return `${at}@${frames.map((frame) => `${frame.function}/${frame.caller?.at ?? ''}`).join('>')}`;
}

/** Equal for equal states. */
export function stateKey(state: MachineState): string {
  const parts = [placeKey(state)];
  for (const value of state.registers) parts.push(value.key);
  for (const { stack, caller, callback } of state.frames) {
    parts.push(stack.key());
    for (const value of caller?.saved ?? []) parts.push(value.key);
    for (const value of callback?.registers ?? []) parts.push(value.key);
  }
  return parts.join(';');
}
