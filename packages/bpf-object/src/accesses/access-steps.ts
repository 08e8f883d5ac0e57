import { isFixedOffset } from '../context/fixed-layout.ts';
import { immediateOf, wideImmediate } from '../guards/execute.ts';
import { arithmeticName } from '../guards/operations.ts';
import { accessSize } from '../guards/stack-use.ts';
import { apply, known, type Value } from '../guards/value.ts';
import { CLASS, CODE_LOAD_IMM64, type Instruction } from '../object/instruction.ts';
import type { AccessContext } from './access-context.ts';
import { type AccessState, forgetStacks, readValue } from './access-state.ts';
import { ANY, type AccessValue, boundsOf, constant, constantOf, FOREIGN, number, NUMBER } from './access-value.ts';
import { calculateBounds, lowBits } from './arithmetic.ts';
import { type Bounds, exactly, ofBits, onlyNumber, U32 } from './bounds.ts';
import { faultOf, isInsane } from './check-access.ts';
import { loadContext } from './context-loads.ts';

/** Executes an instruction that is no jump, in place. Whether the verifier goes on. */
export function step(state: AccessState, instruction: Instruction, context: AccessContext): boolean {
  const { code } = instruction;
  switch (code & 7) {
    case CLASS.alu:
    case CLASS.alu64:
      return calculate(state, instruction, context);
    case CLASS.ld:
      if (code === CODE_LOAD_IMM64) {
        state.registers[instruction.destination] = loadAddress(state, instruction, context);
        state.at += 2;
      } else {
        for (let register = 0; register <= 5; register++) state.registers[register] = ANY;
        state.registers[0] = number(ofBits(accessSize(code) * 8));
        state.at++;
      }
      return true;
    case CLASS.ldx:
      return load(state, instruction, context);
    default:
      return store(state, instruction, context);
  }
}

function calculate(state: AccessState, instruction: Instruction, context: AccessContext): boolean {
  const { code, destination, source, offset } = instruction;
  const width = (code & 7) === CLASS.alu64 ? 64 : 32;
  const operation = code & 0xf0;
  if (operation === 0xb0 && (code & 8) !== 0 && offset === 0) {
    state.registers[destination] = copy(state, source, width, context);
    state.at++;
    return true;
  }
  const before = readValue(state, destination);
  const operand =
    (code & 8) === 0 || operation === 0xd0
      ? fromValue(immediateOf(state, instruction, context), context)
      : readValue(state, source);
  const result = resultOf({ instruction, width, before, operand }, context);
  if (result === 'unbounded' || result === 'calculated') {
    const memory = [before, operand].find(({ kind }) => kind === 'pointer' || kind === 'packet');
    if (memory) context.claim(state, memory.kind === 'pointer' ? memory.region.what : 'packet', result);
    return false;
  }
  state.registers[destination] = result;
  state.at++;
  return true;
}

/** `r = s`, and both are linked from then on. */
function copy(state: AccessState, source: number, width: 32 | 64, { freshId }: AccessContext): AccessValue {
  const value = readValue(state, source);
  if (value.kind !== 'number') {
    if (width === 64 && value.kind === 'foreign' && value.id === undefined && source !== 10) {
      return (state.registers[source] = { ...value, id: freshId() });
    }
    if (width === 64) return value;
    if (value.kind === 'kernel') return kernel(apply('zext32', value.value));
    return value.kind === 'foreign' ? number(ofBits(32)) : ANY;
  }
  if (width === 32 && value.bounds.umax > U32) return number(lowBits(value.bounds, 32));
  if (onlyNumber(value.bounds) !== undefined || value.id !== undefined) return value;
  const linked: AccessValue = { ...value, id: freshId(), delta: 0n };
  state.registers[source] = linked;
  return linked;
}

interface Operation {
  instruction: Instruction;
  width: 32 | 64;
  before: AccessValue;
  operand: AccessValue;
}

type Refusal = 'unbounded' | 'calculated';

/** What no pointer may be changed by (kernel/bpf/verifier.c, adjust_ptr_min_max_vals). */
const NOT_FOR_POINTERS = new Set(['or64', 'and64', 'xor64', 'mul64', 'lsh64', 'rsh64', 'arsh64', 'div64', 'mod64']);

function resultOf({ instruction, width, before, operand }: Operation, context: AccessContext): AccessValue | Refusal {
  const { code, offset } = instruction;
  const operation = code & 0xf0;
  if (operation === 0xd0) return swapBytes(instruction, width, before, context);
  if (operation === 0xb0) {
    if (offset === 0) return width === 64 ? operand : calculateWith('zext32', operand, operand);
    if (offset !== 8 && offset !== 16 && offset !== 32) return ANY;
    const extended = calculateWith(`sext${offset}`, operand, operand);
    return width === 32 ? calculateWith('zext32', extended, extended) : extended;
  }
  const name = arithmeticName(code, width);
  if (name === undefined || (offset !== 0 && /^(div|mod)/.test(name))) return ANY;
  if (width === 64 && (name === 'add64' || name === 'sub64')) {
    const moved = movePointer(name, before, operand, context);
    if (moved !== undefined) return moved;
  }
  if (NOT_FOR_POINTERS.has(name) && isSurePointer(before) && boundsOf(operand) !== undefined) return 'calculated';
  return calculateWith(name, before, operand);
}

function isSurePointer(value: AccessValue): boolean {
  return (
    value.kind === 'packet' || (value.kind === 'pointer' && value.nullable === undefined && value.found === undefined)
  );
}

function swapBytes(
  { code, immediate }: Instruction,
  width: 32 | 64,
  before: AccessValue,
  { image }: AccessContext,
): AccessValue {
  if (![16, 32, 64].includes(immediate)) return ANY;
  const toBig = (code & 8) !== 0;
  const swaps = width === 64 || toBig === image.object.littleEndian;
  return calculateWith(`${swaps ? 'swap' : 'zext'}${immediate}`, before, before);
}

/** Operations after which numbers stay linked. */
const SHIFTS: ReadonlyMap<string, bigint> = new Map([
  ['add64', 1n],
  ['add32', 1n],
  ['sub64', -1n],
  ['sub32', -1n],
]);

/** Numbers with numbers; where the kernel's values take part, as an expression. */
function calculateWith(op: string, a: AccessValue, b: AccessValue): AccessValue {
  if (a.kind === 'kernel' || b.kind === 'kernel') {
    const [left, right] = [toValue(a), toValue(b)];
    return left && right ? kernel(apply(op, left, right)) : ANY;
  }
  const [left, right] = [boundsOf(a), boundsOf(b)];
  if (left === undefined || right === undefined) return ANY;
  const bounds = calculateBounds(op, left, right);
  if (bounds === undefined) return ANY;
  const by = onlyNumber(right);
  const sign = SHIFTS.get(op);
  if (sign === undefined || by === undefined || a.kind !== 'number' || a.id === undefined) return number(bounds);
  const delta = (a.delta ?? 0n) + sign * BigInt.asIntN(64, by);
  return { kind: 'number', bounds, id: a.id, delta, ...(op.endsWith('32') || a.half ? { half: true } : {}) };
}

function toValue(value: AccessValue): Value | undefined {
  if (value.kind === 'kernel') return value.value;
  const only = constantOf(value);
  return only === undefined ? undefined : known(only);
}

function kernel(value: Value): AccessValue {
  if (value.kind === 'symbolic') return { kind: 'kernel', value };
  return value.kind === 'known' ? constant(value.value) : ANY;
}

function isPointer({ kind }: AccessValue): boolean {
  return !['any', 'foreign', 'maybe', 'number', 'kernel'].includes(kind);
}

/** Pointers to which something is added; undefined where there is none. */
function movePointer(
  name: string,
  a: AccessValue,
  b: AccessValue,
  { freshId }: AccessContext,
): AccessValue | 'unbounded' | undefined {
  if (isPointer(a) && isPointer(b)) return name === 'sub64' ? NUMBER : ANY;
  const [pointer, other] = isPointer(b) && name === 'add64' ? [b, a] : [a, b];
  if (!isPointer(pointer)) return [a, b].some(({ kind }) => kind === 'any' || kind === 'maybe') ? ANY : undefined;
  const by = boundsOf(other);
  if (by === undefined) return ANY;
  const signed = name === 'add64' ? by : calculateBounds('neg64', by, by);
  if (signed === undefined) return ANY;
  const only = onlyNumber(signed);
  switch (pointer.kind) {
    case 'pointer':
    case 'packet':
      if (pointer.kind === 'pointer' && pointer.nullable !== undefined) return ANY;
      if (isInsane(by)) return 'unbounded';
      if (only !== undefined) return { ...pointer, offset: pointer.offset + Number(BigInt.asIntN(64, only)) };
      return addMoved(pointer, signed, name === 'add64' ? freshId() : undefined);
    case 'context':
    case 'option':
      return only === undefined ? ANY : { ...pointer, offset: pointer.offset + Number(BigInt.asIntN(64, only)) };
    default:
      return ANY;
  }
}

/** A packet pointer to which something is added begins anew: no byte there is known to be in the packet. */
function addMoved(
  pointer: AccessValue & { kind: 'pointer' | 'packet' },
  by: Bounds,
  added: number | undefined,
): AccessValue {
  const moved = calculateBounds('add64', pointer.moved ?? exactly(0n), by);
  if (moved === undefined) return ANY;
  if (pointer.kind === 'pointer') return { ...pointer, moved };
  // What is subtracted keeps its range, but is compared on its own (adjust_ptr_min_max_vals).
  return added === undefined ? ANY : { ...pointer, moved, id: added, range: 0 };
}

function loadAddress(state: AccessState, instruction: Instruction, context: AccessContext): AccessValue {
  const reference = context.function.entry.references.get(state.at);
  if (reference?.kind === 'map') {
    const map = context.image.maps.get(reference.map);
    if (map?.internal === true) {
      if (!/(^|\.)(data|rodata|bss)(\.|$)/.test(map.name)) return ANY;
      const isReadOnly = (map.flags & 0x80) !== 0;
      const region = {
        what: 'map-value',
        start: 0,
        end: map.valueSize,
        ...(isReadOnly ? { map: map.name } : {}),
      } as const;
      return { kind: 'pointer', region, offset: reference.offset };
    }
  }
  return fromValue(wideImmediate(state.at, instruction, context), context);
}

function fromValue(value: Value, { image }: AccessContext): AccessValue {
  switch (value.kind) {
    case 'known':
    case 'symbolic':
      return kernel(value);
    case 'option':
      return { kind: 'option', name: value.name, offset: value.offset };
    case 'map':
      return image.maps.get(value.map)?.internal === true ? ANY : { kind: 'map', map: value.map };
    case 'function':
      return { kind: 'function', index: value.index };
    default:
      return ANY;
  }
}

function load(state: AccessState, instruction: Instruction, context: AccessContext): boolean {
  const { code, destination, source, offset } = instruction;
  const base = readValue(state, source);
  const size = accessSize(code);
  const isRelocated = isRelocatedAt(state, base, context);
  if (refusesLoad(state, base, { offset, size, isRelocated }, context)) return false;
  const value =
    isRelocated && base.kind === 'pointer' ? ANY : loaded(state, base, { offset, size, isRelocated }, context);
  state.registers[destination] = (code & 0xe0) === 0x80 ? calculateWith(`sext${size * 8}`, value, value) : value;
  state.at++;
  return true;
}

function refuses(
  state: AccessState,
  base: AccessValue,
  offset: number,
  size: number,
  { claim }: AccessContext,
): boolean {
  const fault = faultOf(base, offset, BigInt(size));
  if (fault) claim(state, fault.memory, fault.fault);
  return fault !== undefined;
}

/** Whether the loader changes the offset at the state's instruction from kernel to kernel. */
function isRelocatedAt(
  { at }: AccessState,
  base: AccessValue,
  { function: { entry, relocations }, image }: AccessContext,
): boolean {
  const record = entry.relocations[relocations.get(at) ?? -1];
  return record !== undefined && !(base.kind === 'context' && isFixedOffset(image.object.btf, record));
}

/** A field's offset is 0 or more on every kernel: where a packet has no byte there, it has none further on. */
function refusesLoad(state: AccessState, base: AccessValue, access: Loaded, context: AccessContext): boolean {
  const { offset, size, isRelocated } = access;
  if (!isRelocated) return refuses(state, base, offset, size, context);
  return base.kind === 'packet' && base.offset >= 0 && refuses(state, base, 0, 1, context);
}

interface Loaded {
  offset: number;
  size: number;
  isRelocated: boolean;
}

function loaded(state: AccessState, base: AccessValue, access: Loaded, context: AccessContext): AccessValue {
  const { offset, size } = access;
  const unknown = size === 8 ? FOREIGN : number(ofBits(size * 8));
  switch (base.kind) {
    case 'pointer': {
      const { region, moved, nullable } = base;
      if (nullable !== undefined) return ANY;
      const at = base.offset + offset;
      if (region.what === 'stack') return moved ? ANY : (state.frames[region.frame ?? 0]?.stack.read(at, size) ?? ANY);
      if (region.map === undefined || moved) return unknown;
      const parameter = context.parameterAt(region.map, at, size);
      if (parameter !== undefined) return fromValue(context.bind(parameter), context);
      const value = context.image.constant(region.map, at, size);
      return value === undefined ? ANY : constant(value);
    }
    case 'packet':
      return number(ofBits(size * 8));
    case 'context':
      return loadContext(context.program, access.isRelocated ? undefined : base.offset + offset, size);
    case 'option': {
      const option = { kind: 'kconfig', name: base.name, offset: base.offset + offset, bytes: size } as const;
      return fromValue(context.bind(option), context);
    }
    case 'foreign':
      return unknown;
    default:
      return ANY;
  }
}

function store(state: AccessState, instruction: Instruction, context: AccessContext): boolean {
  const { code, destination, source, offset, immediate } = instruction;
  const base = readValue(state, destination);
  const size = accessSize(code);
  const isRelocated = context.function.relocations.has(state.at);
  const isAtomic = (code & 7) === CLASS.stx && (code & 0xe0) === 0xc0;
  // An atomic load: the pointer is the source.
  if (isAtomic && immediate === 0x100) {
    state.registers[destination] = ANY;
    state.at++;
    return true;
  }
  if (!isRelocated && refuses(state, base, offset, size, context)) return false;
  const fetched = base.kind === 'pointer' && base.region.what !== 'stack' && size < 8 ? number(ofBits(size * 8)) : ANY;
  if (isAtomic && (immediate & 0xf0) === 0xf0) state.registers[0] = fetched;
  else if (isAtomic && (immediate & 1) !== 0) state.registers[source] = fetched;
  const isStack = base.kind === 'pointer' && base.region.what === 'stack';
  if (isStack && !isRelocated && !isAtomic && !base.moved) {
    const stack = state.frames[base.region.frame ?? 0]?.stack;
    stack?.write(base.offset + offset, size, stored(state, instruction, size, context));
  } else if (isStack || base.kind === 'any') forgetStacks(state);
  state.at++;
  return true;
}

function stored(
  state: AccessState,
  { code, source, immediate }: Instruction,
  size: number,
  context: AccessContext,
): AccessValue {
  if ((code & 7) === CLASS.st) return constant(BigInt.asUintN(size * 8, BigInt(immediate)));
  if (size === 8) return copy(state, source, 64, context);
  const value = readValue(state, source);
  if (value.kind !== 'number') return value.kind === 'foreign' ? number(ofBits(size * 8)) : ANY;
  if (value.bounds.umax < 1n << BigInt(size * 8)) return copy(state, source, 64, context);
  return number(lowBits(value.bounds, size * 8));
}
