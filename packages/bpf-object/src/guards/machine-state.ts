import type { KeyCodes } from './key-codes.ts';
import { idOf, keyOfValue, StackMemory } from './stack-memory.ts';
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
  let key = `${at}@`;
  for (const frame of frames) key += `${frame.function}/${frame.caller?.at ?? ''}>`;
  return key;
}

/** Equal for equal states of one exploration, which has its own codes. */
export function stateKey(state: MachineState, codes: KeyCodes): string {
  let key = placeKey(state) + keyOfValues(state.registers, codes);
  for (const { stack, caller, callback } of state.frames) {
    key += codes.of(stack.key());
    if (caller) key += keyOfValues(caller.saved, codes);
    if (callback === undefined) continue;
    key += `;${keyOfValues(callback.registers, codes)}`;
    for (const around of callback.around) key += codes.of(around.key());
  }
  return key;
}

function keyOfValues(values: readonly Value[], codes: KeyCodes): string {
  let key = '';
  for (const value of values) key += codes.of(keyOfValue(value));
  return key;
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

/** Ids of all values that the state holds, in the order of {@link updateValues}, with how many values have each. */
function countIds({ registers, frames }: MachineState): Map<number, number> {
  const counts = new Map<number, number>();
  countIdsOf(registers, counts);
  for (const { stack, caller, callback } of frames) {
    countIdsOf(stack.linkedValues(), counts);
    if (caller) countIdsOf(caller.saved, counts);
    if (callback) countIdsOf(callback.registers, counts);
  }
  return counts;
}

function countIdsOf(values: readonly Value[], counts: Map<number, number>): void {
  for (const value of values) {
    const id = idOf(value);
    if (id !== undefined) counts.set(id, (counts.get(id) ?? 0) + 1);
  }
}

function hasIds({ registers, frames }: MachineState): boolean {
  if (registers.some(isLinked)) return true;
  return frames.some(
    ({ stack, caller, callback }) =>
      stack.hasIds() || (caller?.saved.some(isLinked) ?? false) || (callback?.registers.some(isLinked) ?? false),
  );
}

function isLinked(value: Value): boolean {
  return idOf(value) !== undefined;
}

/** Numbers ids from 1 in the order of the values, and drops those that only one value has: equal knowledge, equal state. */
export function renumberIds(state: MachineState): void {
  if (!hasIds(state)) return;
  const counts = countIds(state);
  const numbers = new Map<number, number>();
  // Links that only some verifiers know keep their sign.
  for (const [id, count] of counts) if (count > 1) numbers.set(id, (numbers.size + 1) * Math.sign(id));
  updateValues(state, (value) => renumber(value, numbers));
}

/** A value that keeps its number stays the same object, so that a stack that does not change is not copied. */
function renumber(value: Value, numbers: ReadonlyMap<number, number>): Value {
  const id = idOf(value);
  if (id === undefined) return value;
  const number = numbers.get(id);
  if (value.kind === 'nullable')
    return number === id || (id === 0 && number === undefined) ? value : { ...value, id: number ?? 0 };
  if (value.kind !== 'unknown' || number === id) return value;
  const { id: _, plus, ...rest } = value;
  return number === undefined ? rest : { ...rest, id: number, ...(plus === undefined ? {} : { plus }) };
}
