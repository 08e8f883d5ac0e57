import type { MachineState } from './machine-state.ts';
import { readRegister } from './machine-state.ts';
import { between, FULL } from './range.ts';
import { nullable, POINTER, ranged, rangeOfValue, UNKNOWN, type Value } from './value.ts';

/** Helpers that give a pointer or null (kernel/bpf/helpers.c and others, RET_PTR_TO_*_OR_NULL). */
const NULLABLE = new Set([
  1, 84, 85, 95, 96, 98, 99, 107, 131, 136, 137, 138, 139, 140, 145, 153, 156, 162, 178, 194, 195, 203, 210,
]);
/** Helpers that give a pointer and never null. */
const POINTERS = new Set([81, 154]);
/** Helpers that give at most as much as they were allowed to write, or an error (do_refine_retval_range). */
const LENGTHS: ReadonlyMap<number, number> = new Map([
  [45, 2],
  [67, 3],
  [114, 2],
  [115, 2],
  [141, 3],
]);
/** Largest error number (include/linux/err.h, MAX_ERRNO). */
const MAX_ERROR = 4095n;

/** What r0 holds after a call of a helper. `freshId` names a pointer that may be null. */
export function resultOf(state: MachineState, helper: number | undefined, freshId: () => number): Value {
  if (helper === undefined) return UNKNOWN;
  if (NULLABLE.has(helper)) return nullable(freshId());
  if (POINTERS.has(helper)) return POINTER;
  const argument = LENGTHS.get(helper);
  if (argument === undefined) return UNKNOWN;
  const { umax } = rangeOfValue(readRegister(state, argument)) ?? FULL;
  return umax <= 0x7fff_ffffn ? ranged(between(-MAX_ERROR, umax)) : UNKNOWN;
}
