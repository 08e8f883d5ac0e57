import { updateValues, type MachineState } from './machine-state.ts';
import { moved, refineLowHalf, refineRange, type Range } from './range.ts';
import { known, POINTER, ranged, ZERO, type Value } from './value.ts';

/** A comparison of a register with a number, and which way was taken. */
export interface Taken {
  register: number;
  /** Name of the comparison without its width. */
  name: string;
  number: bigint;
  taken: boolean;
  /** Only the lower halves were compared, of a number that may be longer. */
  lowHalf: boolean;
}

/** Adds to a state what a comparison tells of a register, and of all that is equal to it. */
export function refineState(state: MachineState, { register, name, number, taken, lowHalf }: Taken): void {
  const value = state.registers[register];
  if (value?.kind === 'nullable') {
    if (number !== 0n || (name !== 'jeq' && name !== 'jne')) return;
    const after = (name === 'jeq') === taken ? ZERO : POINTER;
    updateValues(state, (each) => (each.kind === 'nullable' && each.id === value.id ? after : each));
    state.registers[register] = after;
    return;
  }
  if (value?.kind !== 'unknown') return;
  const refine = lowHalf ? refineLowHalf : refineRange;
  const range = refine(name, taken, value.range, number);
  if (range.umin > range.umax || range.smin > range.smax) return;
  if (value.id !== undefined) updateValues(state, (each) => (isSame(each, value) ? linked(range, value, each) : each));
  state.registers[register] = replaced(range, value.id, value.plus);
}

/** Whether something else that is linked to the register differs from it by a number. */
export function hasMovedLinks(state: MachineState, register: number): boolean {
  const value = state.registers[register];
  if (value?.kind !== 'unknown' || value.id === undefined) return false;
  let found = false;
  updateValues(state, (each) => {
    found ||= isSame(each, value) && each.plus !== value.plus;
    return each;
  });
  return found;
}

/** The state for verifiers that take copies to which a number was added for other numbers. */
export function withoutMovedLinks(state: MachineState, register: number): void {
  const value = state.registers[register];
  if (value?.kind !== 'unknown') return;
  updateValues(state, (each) => (isSame(each, value) && each.plus !== value.plus ? ranged(each.range) : each));
}

/** What is known of a number that differs from another by what was added to each (verifier.c, sync_linked_regs). */
function linked(range: Range, value: Unknown, other: Unknown): Value {
  const by = (other.plus ?? 0n) - (value.plus ?? 0n);
  return by === 0n ? replaced(range, value.id, value.plus) : replaced(moved(range, by), other.id, other.plus);
}

type Unknown = Value & { kind: 'unknown' };

function replaced(range: Range, id: number | undefined, plus: bigint | undefined): Value {
  return range.mask === 0n ? known(range.bits) : ranged(range, id, plus);
}

function isSame(value: Value, other: { id?: number }): value is Unknown {
  return value.kind === 'unknown' && value.id !== undefined && value.id === other.id;
}
