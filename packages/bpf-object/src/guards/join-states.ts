import type { MachineState } from './machine-state.ts';
import { identityOf } from './stack-memory.ts';
import { UNKNOWN, type Value } from './value.ts';

/**
 * Unites what two states at one place know: what both know stays. Changes the first.
 *
 * @returns whether it changed.
 */
export function joinStates(into: MachineState, other: MachineState): boolean {
  let changed = joinValues(into.registers, other.registers);
  for (const [depth, frame] of into.frames.entries()) {
    const theirs = other.frames[depth];
    if (theirs === undefined) continue;
    if (frame.stack.join(theirs.stack)) changed = true;
    if (frame.caller && theirs.caller) {
      const saved = [...frame.caller.saved];
      if (joinValues(saved, theirs.caller.saved)) {
        frame.caller = { ...frame.caller, saved };
        changed = true;
      }
    }
    if (frame.callback && theirs.callback) {
      const registers = [...frame.callback.registers];
      if (joinValues(registers, theirs.callback.registers)) {
        frame.callback = { ...frame.callback, registers };
        changed = true;
      }
    }
  }
  return changed;
}

function joinValues(into: Value[], other: readonly Value[]): boolean {
  let changed = false;
  for (const [index, value] of into.entries()) {
    if (value === UNKNOWN) continue;
    const theirs = other[index];
    if (value.key === theirs?.key && identityOf(value) === identityOf(theirs)) continue;
    into[index] = UNKNOWN;
    changed = true;
  }
  return changed;
}
