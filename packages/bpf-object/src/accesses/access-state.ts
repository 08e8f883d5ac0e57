import type { Expression } from '../guards/value.ts';
import { ANY, type AccessValue, constantOf, linkOf, number, stackRegion, valueKey } from './access-value.ts';
import { lowBits } from './arithmetic.ts';
import { ofBits } from './bounds.ts';

/** A place on the stack: a value, or bytes of which only that is known that a helper wrote them. */
interface Slot {
  size: number;
  value: AccessValue | 'bytes';
}

/** A frame's stack, by offset below the frame pointer. What is in no slot may be anything. */
export class AccessStack {
  #slots: ReadonlyMap<number, Slot>;

  constructor(slots: ReadonlyMap<number, Slot> = new Map()) {
    this.#slots = slots;
  }

  copy(): AccessStack {
    return new AccessStack(this.#slots);
  }

  /** Writes a value, or bytes that nobody knows. */
  write(offset: number, size: number, value: AccessValue | 'bytes'): void {
    const slots = new Map(this.#slots);
    for (const [start, slot] of slots) {
      if (start >= offset + size || start + slot.size <= offset) continue;
      slots.delete(start);
      if (slot.value !== 'bytes') continue;
      if (start < offset) slots.set(start, { size: offset - start, value: 'bytes' });
      const end = start + slot.size;
      if (end > offset + size) slots.set(offset + size, { size: end - offset - size, value: 'bytes' });
    }
    if (value === 'bytes' || value.kind !== 'any') slots.set(offset, { size, value });
    this.#slots = slots;
  }

  read(offset: number, size: number): AccessValue {
    const slot = this.#slots.get(offset);
    if (slot && slot.value !== 'bytes') {
      if (slot.size === size) return slot.value;
      if (slot.size < size || slot.value.kind !== 'number') return ANY;
      return number(lowBits(slot.value.bounds, size * 8));
    }
    for (const [start, { size: stored, value }] of this.#slots) {
      if (value === 'bytes' && start <= offset && start + stored >= offset + size) return number(ofBits(size * 8));
    }
    return ANY;
  }

  forget(): void {
    if (this.#slots.size > 0) this.#slots = new Map();
  }

  keepOnly(matters: (offset: number, size: number) => boolean): void {
    if ([...this.#slots].every(([offset, { size }]) => matters(offset, size))) return;
    this.#slots = new Map([...this.#slots].filter(([offset, { size }]) => matters(offset, size)));
  }

  update(change: (value: AccessValue) => AccessValue): void {
    let slots: Map<number, Slot> | undefined;
    for (const [offset, slot] of this.#slots) {
      if (slot.value === 'bytes') continue;
      const value = change(slot.value);
      if (value === slot.value) continue;
      slots ??= new Map(this.#slots);
      slots.set(offset, { ...slot, value });
    }
    if (slots) this.#slots = slots;
  }

  *values(): Iterable<AccessValue> {
    for (const { value } of this.#slots.values()) if (value !== 'bytes') yield value;
  }

  key(idOf: (id: number) => string): string {
    if (this.#slots.size === 0) return '';
    return [...this.#slots]
      .sort(([a], [b]) => a - b)
      .map(([offset, { size, value }]) => `${offset}/${size}=${value === 'bytes' ? 'b' : valueKey(value, idOf)}`)
      .join(',');
  }
}

/** A function in the course of execution. */
export interface AccessFrame {
  /** Index into the object's functions. */
  function: number;
  stack: AccessStack;
  /** Where its caller goes on, and what it had in r6 to r9. */
  caller?: { at: number; saved: readonly AccessValue[] };
}

/** A decision that a value of the kernel took on the way here. */
export interface Literal {
  key: string;
  op: string;
  args: [Expression, Expression];
  holds: boolean;
}

/** All that is known at one instruction. */
export interface AccessState {
  at: number;
  /** r0 to r9. */
  registers: AccessValue[];
  frames: AccessFrame[];
  /** A packet pointer was found to be beyond the end. */
  beyond: boolean;
  literals: readonly Literal[];
}

/** The state at a function's first instruction; `args` are r1 and on. */
export function enter(index: number, args: readonly AccessValue[], literals: readonly Literal[] = []): AccessState {
  const registers = Array.from({ length: 10 }, () => ANY);
  for (const [position, value] of args.entries()) registers[position + 1] = value;
  return {
    at: 0,
    registers,
    frames: [{ function: index, stack: new AccessStack() }],
    beyond: false,
    literals,
  };
}

export function copyAccessState(state: AccessState): AccessState {
  return {
    ...state,
    registers: [...state.registers],
    frames: state.frames.map((frame) => ({ ...frame, stack: frame.stack.copy() })),
  };
}

export function readValue(state: AccessState, register: number): AccessValue {
  if (register !== 10) return state.registers[register] ?? ANY;
  return { kind: 'pointer', region: stackRegion(state.frames.length - 1), offset: 0 };
}

/** Changes every value of a state. */
export function updateAll(state: AccessState, change: (value: AccessValue) => AccessValue): void {
  state.registers = state.registers.map(change);
  for (const frame of state.frames) {
    frame.stack.update(change);
    if (frame.caller) frame.caller = { ...frame.caller, saved: frame.caller.saved.map(change) };
  }
}

/** Whatever may be written through a pointer that is not known. */
export function forgetStacks(state: AccessState): void {
  for (const { stack } of state.frames) stack.forget();
}

/** Equal for equal knowledge, whatever the kernel decided on the way. */
export function accessStateKey(state: AccessState): string {
  const counts = new Map<number, number>();
  const count = (value: AccessValue): void => {
    const id = linkOf(value);
    if (id !== undefined) counts.set(id, (counts.get(id) ?? 0) + 1);
  };
  for (const value of state.registers) count(value);
  for (const { stack, caller } of state.frames) {
    for (const value of stack.values()) count(value);
    for (const value of caller?.saved ?? []) count(value);
  }
  const numbers = new Map<number, string>();
  const idOf = (id: number): string => {
    if ((counts.get(id) ?? 0) < 2) return '';
    if (!numbers.has(id)) numbers.set(id, String(numbers.size + 1));
    return numbers.get(id) ?? '';
  };
  const parts = [`${state.at}${state.beyond ? 'b' : ''}`];
  for (const value of state.registers) parts.push(valueKey(value, idOf));
  for (const { function: index, stack, caller } of state.frames) {
    parts.push(`f${index}`, stack.key(idOf));
    if (caller) parts.push(String(caller.at), ...caller.saved.map((value) => valueKey(value, idOf)));
  }
  return parts.join(';');
}

/** The number that a register holds, where it is one. */
export function constantIn(state: AccessState, register: number): bigint | undefined {
  return constantOf(readValue(state, register));
}
