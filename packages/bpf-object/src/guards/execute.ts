import { CLASS, CODE_LOAD_IMM64, type Instruction } from '../object/instruction.ts';
import { copyState, readRegister, type MachineState } from './machine-state.ts';
import { arithmeticName } from './operations.ts';
import type { FunctionImage, ProgramImage } from './program-image.ts';
import { U32_MAX, upTo } from './range.ts';
import { certainly, hasAbility, truncate, type Condition, type ConditionalRead } from './stack-memory.ts';
import { accessSize } from './stack-use.ts';
import {
  apply,
  constantsPointer,
  known,
  maximumOf,
  optionPointer,
  POINTER,
  ranged,
  UNKNOWN,
  type Expression,
  type Value,
  type Variable,
} from './value.ts';

/** Turns a value of the kernel into what is known of it. */
export type Bind = (variable: Variable) => Value;

/** What surrounds one instruction. */
export interface Place {
  image: ProgramImage;
  function: FunctionImage;
  /** Index of the function. */
  index: number;
  bind: Bind;
  /** A number that no other value has yet. */
  freshId: () => number;
  /** Parts of read-only data that are load parameters. */
  parameterAt: (map: string, offset: number, size: number) => Variable | undefined;
}

/** States of which a value of the kernel decides which one is right: the first whose condition holds. */
export type Split = readonly { condition?: Condition; state: MachineState }[];

/**
 * Executes an instruction that is no jump, in place. A returned split stands for the state.
 */
export function execute(state: MachineState, instruction: Instruction, place: Place): Split | undefined {
  const { code } = instruction;
  switch (code & 7) {
    case CLASS.alu:
    case CLASS.alu64:
      return calculate(state, instruction, place);
    case CLASS.ld:
      if (code === CODE_LOAD_IMM64) loadImmediate(state, instruction, place);
      else packetLoad(state);
      return undefined;
    case CLASS.ldx:
      return load(state, instruction, place);
    default:
      store(state, instruction, place);
      state.at++;
      return undefined;
  }
}

function calculate(state: MachineState, instruction: Instruction, place: Place): Split | undefined {
  const cases = casesOfOffset(state, instruction, place);
  if (cases) return cases;
  linkCopies(state, instruction, place);
  const before = readRegister(state, instruction.source);
  const value = keepLink(state, instruction, place, arithmetic(state, instruction, place));
  state.at++;
  const isNumber = value.kind === 'known' || value.kind === 'symbolic';
  const condition = abilityForRange(instruction, before, value) ?? (isNumber ? abilityFor(instruction) : undefined);
  const alternatives = condition ? [{ condition, value }, { value: UNKNOWN }] : [{ value }];
  return setRegister(state, instruction.destination, { alternatives });
}

/** What only some verifiers calculate with constants. */
function abilityFor({ code }: Instruction): Condition | undefined {
  const isSwap = (code & 0xf0) === 0xd0;
  if (isSwap || (code & 0xf0) === 0x80) return hasAbility('constant-unary');
  return (code & 0xf0) === 0x30 ? hasAbility('constant-division') : undefined;
}

/** Operations that older verifiers give up where the second operand is a range (adjust_scalar_min_max_vals): mul, or, xor. */
const RANGE_OPERATIONS = new Set([0x20, 0x40, 0xa0]);

function abilityForRange({ code }: Instruction, operand: Value, result: Value): Condition | undefined {
  const isRange = (code & 8) !== 0 && operand.kind === 'unknown';
  return isRange && result.key !== UNKNOWN.key && RANGE_OPERATIONS.has(code & 0xf0)
    ? hasAbility('operand-ranges')
    : undefined;
}

/**
 * After `r = s` both are the same number, whatever it is. Where only 32 bits are moved of a number that has no more, newer verifiers know it
 * as well, which a negative id says.
 */
function linkCopies(state: MachineState, { code, source, offset }: Instruction, { freshId }: Place): void {
  const value = state.registers[source];
  if (offset !== 0 || value?.kind !== 'unknown' || value.id !== undefined) return;
  if (code === 0xbf) state.registers[source] = ranged(value.range, freshId());
  else if (code === 0xbc && value.range.umax <= U32_MAX) state.registers[source] = ranged(value.range, -freshId());
}

/** What the verifier takes for a number that was added once to a copy (verifier.c, adjust_reg_min_max_vals: BPF_ADD_CONST). */
const MAX_ADDED = 0x7fff_ffffn;

/** A copy to which a number is added stays linked to what it was copied from, for verifiers with `linked-offsets`. */
function keepLink(state: MachineState, instruction: Instruction, place: Place, result: Value): Value {
  const { code, destination, source } = instruction;
  const before = state.registers[destination];
  if ((code & 0xf7) !== 0x07 || result.kind !== 'unknown' || result.id !== undefined) return result;
  if (before?.kind !== 'unknown' || before.id === undefined || before.id < 0 || before.plus !== undefined)
    return result;
  const added = (code & 8) === 0 ? immediateOf(state, instruction, place) : readRegister(state, source);
  if (added.kind !== 'known' || added.value === 0n || added.value > MAX_ADDED) return result;
  return ranged(result.range, before.id, added.value);
}

/** Values of a number of the kernel that are told apart where it meets one that is not known. */
const MAX_OPERAND_CASES = 4n;

/**
 * Where one operand is a value of the kernel that can only be one of a few numbers, and the other is not known: one state for each, with
 * the number in the register, to execute the instruction again. Undefined everywhere else.
 */
export function casesOfOperands(state: MachineState, instruction: Instruction, image: ProgramImage): Split | undefined {
  const { code, destination, source } = instruction;
  const kind = code & 7;
  const takesTwo = kind === CLASS.alu64 || kind === CLASS.alu || kind === CLASS.jmp || kind === CLASS.jmp32;
  // A move has one operand, and neither calls nor unconditional jumps have any.
  const upper = code & 0xf0;
  const isJump = kind === CLASS.jmp || kind === CLASS.jmp32;
  if (
    !takesTwo ||
    (code & 8) === 0 ||
    (isJump ? [0, 0x80, 0x90, 0xe0].includes(upper) : upper === 0xb0 || upper === 0xd0)
  )
    return undefined;
  for (const [register, other] of [
    [destination, source],
    [source, destination],
  ] as const) {
    const value = readRegister(state, register);
    if (value.kind !== 'symbolic' || readRegister(state, other).kind !== 'unknown') continue;
    const largest = maximumOf(value.expression, (variable) => maximumOfVariable(variable, image));
    if (largest === undefined || largest >= MAX_OPERAND_CASES) continue;
    return Array.from({ length: Number(largest) + 1 }, (_, number) => ({
      condition: { op: 'jeq64', a: value, b: known(BigInt(number)) },
      state: withRegister(state, register, known(BigInt(number))),
    }));
  }
  return undefined;
}

/** Places of read-only data that a value of the kernel may choose from. */
const MAX_CASES = 32n;

/** A pointer into read-only data to which a value of the kernel is added: one state for each value. */
function casesOfOffset(state: MachineState, instruction: Instruction, place: Place): Split | undefined {
  const { code, destination, source } = instruction;
  if (code !== 0x0f) return undefined;
  const [a, b] = [readRegister(state, destination), readRegister(state, source)];
  const [pointer, offset] = a.kind === 'constants' ? [a, b] : [b, a];
  if (pointer.kind !== 'constants' || offset.kind !== 'symbolic') return undefined;
  const largest = maximumOf(offset.expression, (variable) => maximumOfVariable(variable, place.image));
  if (largest === undefined) return undefined;
  const values = Array.from({ length: Number(largest < MAX_CASES * 8n ? largest : 0n) + 1 }, (_, value) => value);
  const step = stepOf(offset.expression);
  const wanted = values.filter((value) => value % step === 0);
  if (largest >= MAX_CASES * 8n || wanted.length > MAX_CASES) return undefined;
  state.at++;
  return wanted.map((value) => {
    const each = copyState(state);
    each.registers[destination] = constantsPointer(pointer.map, pointer.offset + value);
    return { condition: { op: 'jeq64', a: offset, b: known(BigInt(value)) }, state: each };
  });
}

function stepOf(expression: Expression): number {
  if (expression.kind !== 'operation' || expression.op !== 'lsh64') return 1;
  const by = expression.args[1];
  return by?.kind === 'constant' && by.value < 6n ? 1 << Number(by.value) : 1;
}

function maximumOfVariable(value: Variable, image: ProgramImage): bigint | undefined {
  if (value.kind === 'feature') return 1n;
  if (value.kind !== 'relocation') return undefined;
  const kind = image.object.functions[value.function]?.relocations[value.record]?.kind ?? '';
  return /exists|matches|signed/.test(kind) ? 1n : undefined;
}

function setRegister(state: MachineState, register: number, { alternatives }: ConditionalRead): Split | undefined {
  const [first] = alternatives;
  if (alternatives.length === 1 && first && first.condition === undefined) {
    state.registers[register] = first.value;
    return undefined;
  }
  const states = alternatives.map(({ condition, value }) => {
    const each = copyState(state);
    each.registers[register] = value;
    return condition ? { condition, state: each } : { state: each };
  });
  return states.at(-1)?.condition ? [...states, { state: withRegister(state, register, UNKNOWN) }] : states;
}

function withRegister(state: MachineState, register: number, value: Value): MachineState {
  const copy = copyState(state);
  copy.registers[register] = value;
  return copy;
}

function arithmetic(state: MachineState, instruction: Instruction, place: Place): Value {
  const { code, destination, source, offset } = instruction;
  const width = (code & 7) === CLASS.alu64 ? 64 : 32;
  const before = readRegister(state, destination);
  if ((code & 0xf0) === 0xd0) return swapBytes(instruction, width, before, place.image.object.littleEndian);
  const operand = (code & 8) === 0 ? immediateOf(state, instruction, place) : readRegister(state, source);
  if ((code & 0xf0) === 0xb0) return move(operand, width, offset);
  const name = arithmeticName(code, width);
  if (name === undefined) return UNKNOWN;
  // No verifier follows a remainder.
  if (name.startsWith('mod')) return UNKNOWN;
  const isSigned = offset === 1 && name.startsWith('div');
  return apply(isSigned ? `s${name}` : name, before, operand);
}

/** `r = s`; an offset says how many bits are sign-extended. */
function move(operand: Value, width: 32 | 64, bits: number): Value {
  if (bits !== 0) {
    const extended = apply(`sext${bits}`, operand);
    return width === 32 ? apply('zext32', extended) : extended;
  }
  const isShort = operand.kind === 'unknown' && operand.range.umax <= U32_MAX;
  return width === 64 || isShort ? operand : apply('zext32', operand);
}

function swapBytes({ code, immediate }: Instruction, width: 32 | 64, value: Value, littleEndian: boolean): Value {
  if (![16, 32, 64].includes(immediate)) return UNKNOWN;
  const toBig = (code & 8) !== 0;
  const swaps = width === 64 || toBig === littleEndian;
  return apply(`${swaps ? 'swap' : 'zext'}${immediate}`, value);
}

/** What an instruction's 32-bit immediate is: a number, or what a relocation puts there. */
export function immediateOf({ at }: Pick<MachineState, 'at'>, { code, immediate }: Instruction, place: Place): Value {
  const record = place.function.relocations.get(at);
  const kind = record === undefined ? undefined : place.function.entry.relocations[record]?.kind;
  if (record === undefined || kind === undefined || kind === 'type-id-local') {
    return known(BigInt.asUintN(64, BigInt(immediate)));
  }
  const value = place.bind({ kind: 'relocation', function: place.index, record });
  // Only enumerators can be negative or beyond 31 bits; the instruction holds 32 of them.
  if (kind !== 'enumval-value') return value;
  return apply((code & 7) === CLASS.alu64 ? 'sext32' : 'zext32', value);
}

function loadImmediate(state: MachineState, instruction: Instruction, place: Place): void {
  state.registers[instruction.destination] = wideImmediate(state.at, instruction, place);
  state.at += 2;
}

/** What a 64-bit immediate is: a number, an address, or what a relocation puts there. */
export function wideImmediate(at: number, { immediate }: Instruction, place: Place): Value {
  const { entry, relocations } = place.function;
  const record = relocations.get(at);
  const kind = record === undefined ? undefined : entry.relocations[record]?.kind;
  if (record !== undefined && kind !== undefined && kind !== 'type-id-local') {
    return place.bind({ kind: 'relocation', function: place.index, record });
  }
  const reference = entry.references.get(at);
  switch (reference?.kind) {
    case 'map':
      return mapReference(reference, place);
    case 'extern':
      return externReference(reference.name, place);
    case 'callback':
      return { key: `@${reference.index}`, kind: 'function', index: reference.index };
    case undefined:
      return known((BigInt(entry.instructions[at + 1]?.immediate ?? 0) << 32n) | BigInt(immediate >>> 0));
    default:
      return UNKNOWN;
  }
}

function mapReference({ map, offset }: { map: string; offset: number }, { image }: Place): Value {
  const definition = image.maps.get(map);
  // Its globals, or itself as an argument: nothing is known of either.
  if (definition?.type === 'arena') return POINTER;
  if (definition?.internal !== true) return { key: `m${map}`, kind: 'map', map };
  // BPF_F_RDONLY_PROG, and frozen by the loader: the verifier reads constants from it.
  return (definition.flags & 0x80) !== 0 ? constantsPointer(map, offset) : POINTER;
}

function externReference(name: string, place: Place): Value {
  const extern = place.image.object.externs.find((candidate) => candidate.name === name);
  if (extern?.kind === 'kconfig') return optionPointer(name, 0);
  if (extern?.weak !== true) return POINTER;
  const type = extern.kind === 'kfunc' ? 'function' : extern.typed ? 'variable' : 'none';
  return place.bind({ kind: 'symbol', name, type });
}

/** Loads of packet bytes (BPF_LD_ABS, BPF_LD_IND). */
function packetLoad(state: MachineState): void {
  for (let register = 0; register <= 5; register++) state.registers[register] = UNKNOWN;
  state.at++;
}

function load(state: MachineState, instruction: Instruction, place: Place): Split | undefined {
  const { code, destination } = instruction;
  const { alternatives } = readMemory(state, instruction, place);
  const size = accessSize(code);
  const isSigned = (code & 0xe0) === 0x80;
  state.at++;
  return setRegister(state, destination, {
    alternatives: alternatives.map(({ condition, value }) => {
      const result = isSigned ? apply(`sext${size * 8}`, value) : value;
      return condition ? { condition, value: result } : { value: result };
    }),
  });
}

/** By number of bytes: any number of so many. */
const UNREAD: readonly Value[] = Array.from({ length: 8 }, (_, size) => ranged(upTo((1n << BigInt(size * 8)) - 1n)));

function readMemory(state: MachineState, { code, source, offset }: Instruction, place: Place): ConditionalRead {
  const base = readRegister(state, source);
  const size = accessSize(code);
  // At most as much as so many bytes hold.
  const unread = UNREAD[size] ?? UNKNOWN;
  switch (base.kind) {
    case 'stack':
    case 'stack-anywhere': {
      const stack = state.frames[base.frame]?.stack;
      const read =
        (base.kind === 'stack' ? stack?.read(base.offset + offset, size) : stack?.readAnywhere()) ?? certainly(UNKNOWN);
      return {
        alternatives: read.alternatives.map((each) =>
          each.value.key === 'u'
            ? { ...each, value: each.value.kind === 'unknown' && each.value.id !== undefined ? each.value : unread }
            : each,
        ),
      };
    }
    case 'constants':
      return certainly(readConstant(base.map, base.offset + offset, size, place));
    case 'option':
      return certainly(place.bind({ kind: 'kconfig', name: base.name, offset: base.offset + offset, bytes: size }));
    default:
      return certainly(unread);
  }
}

function readConstant(map: string, offset: number, size: number, place: Place): Value {
  const parameter = place.parameterAt(map, offset, size);
  if (parameter !== undefined) return place.bind(parameter);
  const value = place.image.constant(map, offset, size);
  return value === undefined ? UNKNOWN : known(value);
}

function store(state: MachineState, instruction: Instruction, { freshId }: Place): void {
  const { code, destination, source, offset, immediate } = instruction;
  const base = readRegister(state, destination);
  const size = accessSize(code);
  const isAtomic = (code & 7) === CLASS.stx && (code & 0xe0) === 0xc0;
  if (isAtomic) spoilFetched(state, { source, immediate });
  if (base.kind !== 'stack' && base.kind !== 'stack-anywhere') return;
  const stack = state.frames[base.frame]?.stack;
  const isImmediate = (code & 7) === CLASS.st;
  if (!isImmediate && !isAtomic && size === 8) linkSpill(state, source, freshId);
  const whole = isImmediate ? known(BigInt.asUintN(64, BigInt(immediate))) : readRegister(state, source);
  const value = size === 8 ? whole : truncate(whole, size);
  if (base.kind === 'stack-anywhere') stack?.writeAnywhere(isAtomic ? UNKNOWN : value);
  else if (isAtomic) stack?.clobber(base.offset + offset, size);
  else stack?.write(base.offset + offset, size, value, isImmediate);
}

/** A register and what is spilled of it are the same number; only some verifiers know, which a negative id says. */
function linkSpill(state: MachineState, source: number, freshId: () => number): void {
  const value = state.registers[source];
  if (value?.kind === 'unknown' && value.id === undefined) state.registers[source] = ranged(value.range, -freshId());
}

/** Atomic operations that give the old value (RFC 9669, section 5.3). */
function spoilFetched(state: MachineState, { source, immediate }: { source: number; immediate: number }): void {
  if ((immediate & 0xf0) === 0xf0) state.registers[0] = UNKNOWN;
  else if ((immediate & 1) !== 0) state.registers[source] = UNKNOWN;
}
