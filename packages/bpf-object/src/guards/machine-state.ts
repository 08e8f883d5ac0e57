import { identityOf, StackMemory } from './stack-memory.ts';
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
  callback?: {
    registers: readonly Value[];
    /** The stacks of the frames around it when the last round began, outermost first. */
    around: readonly StackMemory[];
  };
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
  for (const value of state.registers) parts.push(value.key + identityOf(value));
  for (const { stack, caller, callback } of state.frames) {
    parts.push(stack.key());
    for (const value of caller?.saved ?? []) parts.push(value.key + identityOf(value));
    for (const value of callback?.registers ?? []) parts.push(value.key + identityOf(value));
    for (const around of callback?.around ?? []) parts.push(around.key());
  }
  return parts.join(';');
}

/** Changes every value that the state holds, registers first, then frames from the outermost, each by its stack and what it saved. */
export function updateValues(state: MachineState, change: (value: Value) => Value): void {
  state.registers = state.registers.map(change);
  for (const frame of state.frames) {
    frame.stack.update(change);
    if (frame.caller) frame.caller = { ...frame.caller, saved: frame.caller.saved.map(change) };
    if (frame.callback) frame.callback = { ...frame.callback, registers: frame.callback.registers.map(change) };
  }
}

/** All values that the state holds, in the order of {@link updateValues}. */
export function valuesOf({ registers, frames }: MachineState): Value[] {
  return [
    ...registers,
    ...frames.flatMap(({ stack, caller, callback }) => [
      ...stack.values(),
      ...(caller?.saved ?? []),
      ...(callback?.registers ?? []),
    ]),
  ];
}

/** Numbers ids from 1 in the order of the values, and drops those that only one value has: equal knowledge, equal state. */
export function renumberIds(state: MachineState): void {
  if (!hasIds(state)) return;
  const counts = new Map<number, number>();
  for (const value of valuesOf(state)) {
    if ('id' in value && value.id !== undefined) counts.set(value.id, (counts.get(value.id) ?? 0) + 1);
  }
  if (counts.size === 0) return;
  const numbers = new Map<number, number>();
  // Links that only some verifiers know keep their sign.
  for (const [id, count] of counts) if (count > 1) numbers.set(id, (numbers.size + 1) * Math.sign(id));
  updateValues(state, (value) => renumber(value, numbers));
}

function renumber(value: Value, numbers: ReadonlyMap<number, number>): Value {
  if (value.kind === 'nullable') return { ...value, id: numbers.get(value.id) ?? 0 };
  if (value.kind !== 'unknown' || value.id === undefined) return value;
  const { id, ...rest } = value;
  const number = numbers.get(id);
  return number === undefined ? rest : { ...rest, id: number };
}

function isLinked(value: Value): boolean {
  return identityOf(value) !== '';
}

function hasIds({ registers, frames }: MachineState): boolean {
  if (registers.some(isLinked)) return true;
  return frames.some(
    ({ stack, caller, callback }) =>
      stack.hasIds() || (caller?.saved ?? []).some(isLinked) || (callback?.registers ?? []).some(isLinked),
  );
}
