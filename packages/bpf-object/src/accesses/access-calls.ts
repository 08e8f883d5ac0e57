import type { BpfMap } from '../object/bpf-object.ts';
import type { Instruction } from '../object/instruction.ts';
import type { AccessContext } from './access-context.ts';
import { type AccessState, AccessStack, enter, forgetStacks, readValue } from './access-state.ts';
import {
  ANY,
  type AccessValue,
  boundsOf,
  constant,
  constantOf,
  FOREIGN,
  MAYBE,
  number,
  NUMBER,
} from './access-value.ts';
import { within } from './bounds.ts';
import { faultOf, sizeFault } from './check-access.ts';
import {
  GIVES_LENGTH,
  GIVES_NUMBER,
  GIVES_OBJECT,
  GIVES_VALUE,
  PROCESSOR_ID,
  RESERVE,
  SIZED_MEMORY,
  TAKES_KEY,
  TAKES_VALUE,
  TASK,
} from './helper-memory.ts';

/** Call frames of the verifier (include/linux/bpf_verifier.h, MAX_CALL_FRAMES). */
const MAX_FRAMES = 8;
/** Largest error number (include/linux/err.h, MAX_ERRNO). */
const MAX_ERROR = 4095n;
/** Maps whose lookup gives no value. */
const NO_VALUES = /^(array_of_maps|hash_of_maps|sockmap|sockhash|xskmap)$/;

/** Whether the verifier goes on in the same state. */
export function call(state: AccessState, instruction: Instruction, context: AccessContext): boolean {
  const reference = context.function.entry.references.get(state.at);
  if (reference?.kind === 'call') return callFunction(state, reference.index, context);
  const helper = reference === undefined && instruction.source === 0 ? instruction.immediate : undefined;
  if (helper !== undefined && checkArguments(state, helper, context)) return false;
  const result = helper === undefined ? ANY : resultOf(state, helper, context);
  followCallbacks(state, context);
  write(state, helper, context);
  for (let register = 0; register <= 5; register++) state.registers[register] = ANY;
  state.registers[0] = result;
  state.at++;
  return true;
}

export function leave(state: AccessState): boolean {
  const frame = state.frames.pop();
  if (frame?.caller === undefined) return false;
  state.at = frame.caller.at;
  for (let register = 1; register <= 5; register++) state.registers[register] = ANY;
  for (const [position, value] of frame.caller.saved.entries()) state.registers[6 + position] = value;
  return true;
}

function callFunction(state: AccessState, index: number, { image, push }: AccessContext): boolean {
  const callee = image.object.functions[index];
  state.at++;
  if (callee?.global === true) {
    // Verified on its own; it may write to what it gets pointers to.
    push(enter(index, [], state.literals));
    forgetStacks(state);
    for (let register = 1; register <= 5; register++) state.registers[register] = ANY;
    state.registers[0] = ANY;
    return true;
  }
  if (state.frames.length >= MAX_FRAMES) return false;
  const [saved, args] = [state.registers.slice(6, 10), state.registers.slice(1, 6)];
  state.frames.push({ function: index, stack: new AccessStack(), caller: { at: state.at, saved } });
  state.registers = enter(index, args).registers;
  state.at = 0;
  return true;
}

/** Functions that a helper may call back: with arguments of which nothing is known. */
function followCallbacks(state: AccessState, { push }: AccessContext): void {
  for (const register of [1, 2, 3, 4, 5]) {
    const value = readValue(state, register);
    if (value.kind !== 'function') continue;
    push(enter(value.index, [], state.literals));
    forgetStacks(state);
  }
}

/** Whether the verifier refuses an argument. */
function checkArguments(state: AccessState, helper: number, context: AccessContext): boolean {
  for (const { pointer, size } of SIZED_MEMORY.get(helper) ?? []) {
    const bounds = boundsOf(readValue(state, size));
    if (bounds === undefined) continue;
    const target = readValue(state, pointer);
    const fault = sizeFault(bounds) ?? (bounds.umax > 0n ? faultOf(target, 0, bounds.umax) : undefined);
    if (fault === undefined) continue;
    context.claim(state, fault.memory, fault.fault);
    return true;
  }
  const map = mapOf(state, context);
  const parts: [number | undefined, number | undefined][] = [
    [TAKES_KEY.has(helper) ? 2 : undefined, map?.keySize],
    [TAKES_VALUE.get(helper), map?.valueSize],
  ];
  for (const [register, size] of parts) {
    if (register === undefined || size === undefined || size === 0) continue;
    const fault = faultOf(readValue(state, register), 0, BigInt(size));
    if (fault === undefined) continue;
    context.claim(state, fault.memory, fault.fault);
    return true;
  }
  return false;
}

function mapOf(state: AccessState, { image }: AccessContext): BpfMap | undefined {
  const first = readValue(state, 1);
  return first.kind === 'map' ? image.maps.get(first.map) : undefined;
}

function resultOf(state: AccessState, helper: number, context: AccessContext): AccessValue {
  if (GIVES_VALUE.has(helper)) return valueOf(mapOf(state, context), context);
  if (helper === RESERVE) {
    const size = constantOf(readValue(state, 2));
    if (size === undefined || size > 1n << 30n) return ANY;
    const region = { what: 'memory', start: 0, end: Number(size) } as const;
    return { kind: 'pointer', region, offset: 0, nullable: context.freshId() };
  }
  if (GIVES_OBJECT.has(helper)) return MAYBE;
  if (helper === TASK) return FOREIGN;
  // Some number below that of processors: 0 is always among them.
  if (helper === PROCESSOR_ID) return constant(0n);
  const length = GIVES_LENGTH.get(helper);
  if (length !== undefined) {
    const size = boundsOf(readValue(state, length));
    return size === undefined || size.umax > 0x7fff_ffffn ? ANY : number(within({ smin: -MAX_ERROR, smax: size.umax }));
  }
  return GIVES_NUMBER.has(helper) ? NUMBER : ANY;
}

function valueOf(map: BpfMap | undefined, { freshId }: AccessContext): AccessValue {
  if (map === undefined || map.valueSize === 0 || NO_VALUES.test(map.type)) return MAYBE;
  const region = { what: 'map-value', start: 0, end: map.valueSize } as const;
  // A key that is a constant is always there (get_constant_map_key).
  const found = map.type === 'array' || map.type === 'percpu_array' ? ({ found: true } as const) : {};
  return { kind: 'pointer', region, offset: 0, nullable: freshId(), ...found };
}

/** Whether the helper writes to no memory but what {@link SIZED_MEMORY} and {@link TAKES_VALUE} say. */
function touchesNothingElse(helper: number): boolean {
  return (
    GIVES_NUMBER.has(helper) ||
    GIVES_VALUE.has(helper) ||
    GIVES_LENGTH.has(helper) ||
    [RESERVE, PROCESSOR_ID, TASK].includes(helper)
  );
}

/** What a call leaves of stack memory. */
function write(state: AccessState, helper: number | undefined, context: AccessContext): void {
  const sized = helper === undefined ? undefined : SIZED_MEMORY.get(helper);
  const isKnown = helper !== undefined && touchesNothingElse(helper);
  for (const register of [1, 2, 3, 4, 5]) {
    const value = readValue(state, register);
    if (value.kind === 'any' && !isKnown && sized === undefined) forgetStacks(state);
    if (value.kind !== 'pointer' || value.region.what !== 'stack') continue;
    const memory = sized?.find(({ pointer }) => pointer === register);
    if (memory?.writes === false) continue;
    const bounds = memory && boundsOf(readValue(state, memory.size));
    const popped =
      helper !== undefined && TAKES_VALUE.get(helper) === register ? mapOf(state, context)?.valueSize : undefined;
    const size = bounds ? Number(bounds.umax) : popped;
    const stack = state.frames[value.region.frame ?? 0]?.stack;
    if (size !== undefined && value.moved === undefined) {
      if (popped === undefined || helper !== 2) stack?.write(value.offset, size, 'bytes');
    } else if (!isKnown || memory) stack?.forget();
  }
}
