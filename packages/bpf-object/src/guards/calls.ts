import type { Instruction } from '../object/instruction.ts';
import type { Place } from './execute.ts';
import type { RawNode } from './exploration.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { clobber, findCallback, findClobbered, onlyReads, spoilRegisters, type CallbackCall } from './helper-calls.ts';
import { resultOf } from './helper-results.ts';
import {
  copyState,
  enterFunction,
  innermost,
  readRegister,
  registersOf,
  stateKey,
  type Frame,
  type MachineState,
} from './machine-state.ts';
import { hasAbility } from './stack-memory.ts';
import { POINTER, UNKNOWN, UNSET, type Value } from './value.ts';

/** bpf_map_lookup_elem */
const MAP_LOOKUP = 1;
/** bpf_loop */
const LOOP = 181;

function isZero(value: Value): boolean {
  return value.kind === 'known' && value.value === 0n;
}

/** Call frames of the verifier (include/linux/bpf_verifier.h, MAX_CALL_FRAMES). */
const MAX_FRAMES = 8;

export function returnFrom(graph: GraphBuilder, state: MachineState, node: RawNode): boolean {
  const { caller, callback } = innermost(state);
  if (caller === undefined) {
    noteReturn(graph, state, node);
    return false;
  }
  if (callback) node.next.push(graph.intern(again(state, callback)));
  state.frames.pop();
  state.at = caller.at;
  if (callback) state.registers[0] = UNKNOWN;
  for (let register = 1; register <= 5; register++) state.registers[register] = UNKNOWN;
  for (const [index, value] of caller.saved.entries()) state.registers[6 + index] = value;
  if (!callback) return true;
  node.next.push(graph.intern(state));
  return false;
}

function noteReturn(graph: GraphBuilder, state: MachineState, node: RawNode): void {
  if (graph.image.returnsOf === undefined || innermost(state).function !== graph.image.returnsOf) return;
  const result = readRegister(state, 0);
  const value = result === UNSET ? 'unset' : result.kind === 'known' ? result.value : undefined;
  if (value !== undefined) graph.site(node, `x${value}`, { kind: 'return', value });
}

export function enterCall(
  graph: GraphBuilder,
  state: MachineState,
  instruction: Instruction,
  place: Place,
  node: RawNode,
): boolean {
  const reference = place.function.entry.references.get(state.at);
  if (reference?.kind === 'call') return callFunction(graph, state, reference.index, node);
  const helper = reference === undefined && instruction.source === 0 ? instruction.immediate : undefined;
  const callback = findCallback(state, helper);
  const bytes = findClobbered(state, helper, graph.image.maps);
  const result = resultOf(state, helper, graph.freshId);
  const rounds = readRegister(state, 1);
  const arrayKey = { map: readRegister(state, 1), key: keyAt(graph, state) };
  const kept = onlyReads(helper) ? copyState(state) : undefined;
  clobber(state, bytes);
  for (const each of kept ? [state, kept] : [state]) {
    spoilRegisters(each);
    each.registers[0] = result;
    each.at++;
  }
  if (kept) graph.forget(kept);
  graph.forget(state);
  if (helper === MAP_LOOKUP && findsAlways(graph, arrayKey)) {
    const found = copyState(state);
    found.registers[0] = POINTER;
    graph.split(node, [{ condition: hasAbility('constant-key-lookups'), state: found }, { state }]);
    return false;
  }
  if (callback) return callBack(graph, state, { ...callback, never: helper === LOOP && isZero(rounds) }, node);
  if (kept === undefined || stateKey(kept, graph.codes) === stateKey(state, graph.codes)) return true;
  graph.split(node, [{ condition: hasAbility('stack-reads-by-helpers-keep'), state: kept }, { state }]);
  return false;
}

/** The 32-bit number that r2 points to on the stack. */
function keyAt(graph: GraphBuilder, state: MachineState): Value {
  const pointer = readRegister(state, 2);
  if (pointer.kind !== 'stack') return UNKNOWN;
  return state.frames[pointer.frame]?.stack.read(pointer.offset, 4).alternatives[0]?.value ?? UNKNOWN;
}

/** Whether a lookup in an array has a key that is always there (kernel/bpf/verifier.c, get_constant_map_key). */
function findsAlways(graph: GraphBuilder, { map, key }: { map: Value; key: Value }): boolean {
  const definition = map.kind === 'map' ? graph.image.maps.get(map.map) : undefined;
  const isArray = definition?.type === 'array' || definition?.type === 'percpu_array';
  return isArray && key.kind === 'known' && key.value < BigInt(definition.maxEntries);
}

function callFunction(graph: GraphBuilder, state: MachineState, index: number, node: RawNode): boolean {
  const callee = graph.image.object.functions[index];
  state.at++;
  if (callee?.global === true) {
    // Verified on its own, with arguments of which nothing is known.
    node.next.push(graph.intern(enterFunction(index, [])));
    spoilRegisters(state);
    return true;
  }
  const args = state.registers.slice(1, 6);
  return enter(graph, state, index, args, undefined);
}

function callBack(
  graph: GraphBuilder,
  state: MachineState,
  call: CallbackCall & { never: boolean },
  node: RawNode,
): boolean {
  const { index, args, asynchronous, never } = call;
  if (asynchronous) {
    node.next.push(graph.intern(enterFunction(index, args)));
    return true;
  }
  node.next.push(graph.intern(copyState(state)));
  const { index: inside, node: target } = graph.addNode();
  const entered = enter(graph, state, index, args, {
    registers: registersOf(args),
    around: state.frames.map(({ stack }) => stack.copy()),
  });
  if (!entered) return false;
  target.next.push(graph.intern(state));
  // A loop of no rounds: older verifiers look at the function all the same.
  if (!never) node.next.push(inside);
  else
    graph.whereAble(
      node,
      'counted-callbacks',
      () => graph.addNode().index,
      (other) => other.next.push(inside),
    );
  return false;
}

function enter(
  graph: GraphBuilder,
  state: MachineState,
  index: number,
  args: readonly Value[],
  callback: Frame['callback'],
): boolean {
  if (state.frames.length >= MAX_FRAMES) return false;
  const entered = enterFunction(index, args);
  const frame = innermost(entered);
  frame.caller = { at: state.at, saved: savedRegisters(graph, state) };
  if (callback) frame.callback = callback;
  state.frames.push(frame);
  state.registers = entered.registers;
  state.at = 0;
  return true;
}

/** r6 to r9, as far as they matter where the caller goes on. */
function savedRegisters(graph: GraphBuilder, state: MachineState): Value[] {
  const relevant = graph.image.function(innermost(state).function)?.relevant[state.at] ?? 0;
  return [6, 7, 8, 9].map((register) => ((relevant & (1 << register)) === 0 ? UNKNOWN : readRegister(state, register)));
}

/** The state at the start of another round of the callback. What rounds change is not followed from round to round. */
function again(state: MachineState, { registers, around }: NonNullable<Frame['callback']>): MachineState {
  const next = copyState(state);
  next.at = 0;
  next.registers = [...registers];
  const frame = innermost(next);
  // The round before has left nothing on the callback's own stack that this one may read.
  frame.stack.keepOnly(() => false);
  for (const [depth, before] of around.entries()) next.frames[depth]?.stack.join(before);
  frame.callback = { registers, around: next.frames.slice(0, -1).map(({ stack }) => stack.copy()) };
  return next;
}
