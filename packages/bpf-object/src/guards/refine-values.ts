import { updateValues, type MachineState } from './machine-state.ts';
import { refineLowHalf, refineRange, type Range } from './range.ts';
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
  const after = replaced(range, value.id);
  if (value.id !== undefined) updateValues(state, (each) => (isSame(each, value) ? after : each));
  state.registers[register] = after;
}

function replaced(range: Range, id: number | undefined): Value {
  return range.mask === 0n ? known(range.bits) : ranged(range, id);
}

function isSame(value: Value, other: { id?: number }): boolean {
  return value.kind === 'unknown' && value.id !== undefined && value.id === other.id;
}
