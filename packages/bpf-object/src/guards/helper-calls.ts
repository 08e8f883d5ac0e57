import type { BpfMap } from '../object/bpf-object.ts';
import { readRegister, type MachineState } from './machine-state.ts';
import { POINTER, UNKNOWN, type Value } from './value.ts';

/** Bytes of a BPF stack frame (include/linux/filter.h, MAX_BPF_STACK). */
const FRAME_SIZE = 512;

/** How a helper calls a function back: the argument that is the function, and what it gets. */
interface CallbackRule {
  /** Position of the function among the arguments, from 1. */
  callback: number;
  /** The function's own arguments, from the helper's state. */
  args: (argument: (position: number) => Value) => Value[];
  /** The function runs later and on its own, so that nothing of the caller's is there. */
  asynchronous?: true;
}

/** Helpers that take functions (kernel/bpf/verifier.c, set_*_callback_state). */
const CALLBACK_RULES: ReadonlyMap<number, CallbackRule> = new Map<number, CallbackRule>([
  // for_each_map_elem(map, function, context, flags)
  [164, { callback: 2, args: (argument) => [POINTER, POINTER, POINTER, argument(3)] }],
  // timer_set_callback(timer, function)
  [170, { callback: 2, args: () => [POINTER, POINTER, POINTER], asynchronous: true }],
  // find_vma(task, address, function, context, flags)
  [180, { callback: 3, args: (argument) => [POINTER, POINTER, argument(4)] }],
  // loop(count, function, context, flags)
  [181, { callback: 2, args: (argument) => [UNKNOWN, argument(3)] }],
  // user_ringbuf_drain(map, function, context, flags)
  [209, { callback: 2, args: (argument) => [POINTER, argument(3)] }],
]);

/** Numbers of the helpers that take functions. */
export const CALLBACK_HELPERS: ReadonlySet<number> = new Set(CALLBACK_RULES.keys());

/** A function that a call may run. */
export interface CallbackCall {
  index: number;
  args: Value[];
  asynchronous: boolean;
}

/** The function that a helper or kernel function gets, if any. `helper` undefined = a kernel function. */
export function findCallback(state: MachineState, helper: number | undefined): CallbackCall | undefined {
  const argument = (position: number): Value => readRegister(state, position);
  const rule = helper === undefined ? undefined : CALLBACK_RULES.get(helper);
  if (rule) {
    const target = argument(rule.callback);
    if (target.kind !== 'function') return undefined;
    return { index: target.index, args: rule.args(argument), asynchronous: rule.asynchronous ?? false };
  }
  for (const position of [1, 2, 3, 4, 5]) {
    const target = argument(position);
    // A kernel function's callback may get anything.
    if (target.kind === 'function') return { index: target.index, args: [], asynchronous: true };
  }
  return undefined;
}

/** Map helpers by number: what their second and third arguments point to. */
const KEYED = new Set([1, 2, 3, 195]);
const VALUED = new Set([2]);
const VALUE_SECOND = new Set([87, 88, 89]);
/** bpf_loop and its like only pass the address on. */
const UNTOUCHED: ReadonlyMap<number, number> = new Map([
  [164, 3],
  [181, 3],
  [180, 4],
  [209, 3],
]);

/** Stack bytes whose contents are unknown after a call. */
export interface ClobberedBytes {
  frame: number;
  offset: number;
  size: number;
}

/**
 * Stack memory that a call of a helper leaves unknown: all that it gets a pointer to (kernel/bpf/verifier.c,
 * check_stack_range_initialized: "helper can write anything into the stack").
 */
export function findClobbered(
  state: MachineState,
  helper: number | undefined,
  maps: ReadonlyMap<string, BpfMap>,
): ClobberedBytes[] {
  const bytes: ClobberedBytes[] = [];
  for (const position of [1, 2, 3, 4, 5]) {
    const pointer = readRegister(state, position);
    if (pointer.kind === 'stack-anywhere') bytes.push({ frame: pointer.frame, offset: -FRAME_SIZE, size: FRAME_SIZE });
    if (pointer.kind !== 'stack' || (helper !== undefined && UNTOUCHED.get(helper) === position)) continue;
    const size = sizeAt(state, helper, position, maps) ?? FRAME_SIZE;
    bytes.push({ frame: pointer.frame, offset: pointer.offset, size: Math.min(size, -pointer.offset) });
  }
  return bytes;
}

function sizeAt(
  state: MachineState,
  helper: number | undefined,
  position: number,
  maps: ReadonlyMap<string, BpfMap>,
): number | undefined {
  const first = readRegister(state, 1);
  const map = first.kind === 'map' ? maps.get(first.map) : undefined;
  if (helper !== undefined && map) {
    if (position === 2 && KEYED.has(helper)) return map.keySize;
    if (position === 3 && VALUED.has(helper)) return map.valueSize;
    if (position === 2 && VALUE_SECOND.has(helper)) return map.valueSize;
  }
  const next = readRegister(state, position + 1);
  return position < 5 && next.kind === 'known' ? Number(BigInt.asUintN(16, next.value)) : undefined;
}

/** Makes what a call may have written unknown. Where the helper only reads, newer verifiers know that. */
export function clobber(state: MachineState, bytes: readonly ClobberedBytes[]): void {
  for (const { frame, offset, size } of bytes) state.frames[frame]?.stack.clobber(offset, size);
}

/** Helpers that write to none of their arguments; the others are taken to write to each. */
const READERS = new Set([1, 2, 3, 6, 25, 87, 111, 121, 130, 177, 195]);

/** Whether the helper is known to write to no stack memory. */
export function onlyReads(helper: number | undefined): boolean {
  return helper !== undefined && READERS.has(helper);
}

/** r0 and the registers that every call spoils. */
export function spoilRegisters(state: MachineState): void {
  for (let register = 0; register <= 5; register++) state.registers[register] = UNKNOWN;
}
