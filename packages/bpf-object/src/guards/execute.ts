import { CLASS, CODE_LOAD_IMM64, type Instruction } from '../object/instruction.ts';
import { copyState, readRegister, type MachineState } from './machine-state.ts';
import { arithmeticName } from './operations.ts';
import type { FunctionImage, ProgramImage } from './program-image.ts';
import { truncate, type ConditionalRead } from './stack-memory.ts';
import { accessSize } from './stack-use.ts';
import {
  apply,
  constantsPointer,
  isPointer,
  known,
  optionPointer,
  POINTER,
  UNKNOWN,
  variable,
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
  /** Parts of read-only data that are load parameters. */
  parameterAt: (map: string, offset: number, size: number) => Variable | undefined;
}

/** A read whose result a feature of the kernel decides: two states. */
export interface Split {
  condition: Value;
  /** Where the kernel has the feature. */
  there: MachineState;
  missing: MachineState;
}

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
      store(state, instruction);
      state.at++;
      return undefined;
  }
}

function calculate(state: MachineState, instruction: Instruction, place: Place): Split | undefined {
  const value = arithmetic(state, instruction, place);
  state.at++;
  const isNumber = value.kind === 'known' || value.kind === 'symbolic';
  const feature = isNumber ? abilityFor(instruction) : undefined;
  return setRegister(state, instruction.destination, { value, ...(feature === undefined ? {} : { feature }) });
}

/** What only some verifiers calculate with constants. */
function abilityFor({ code }: Instruction): Value | undefined {
  const isSwap = (code & 0xf0) === 0xd0;
  if (isSwap || (code & 0xf0) === 0x80) return variable({ kind: 'feature', name: 'constant-unary' });
  return (code & 0xf0) === 0x30 ? variable({ kind: 'feature', name: 'constant-division' }) : undefined;
}

function setRegister(state: MachineState, register: number, { value, feature }: ConditionalRead): Split | undefined {
  const missing = feature === undefined ? undefined : copyState(state);
  state.registers[register] = value;
  if (missing === undefined || feature === undefined) return undefined;
  missing.registers[register] = UNKNOWN;
  return { condition: feature, there: state, missing };
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
  return width === 64 ? operand : apply('zext32', operand);
}

function swapBytes({ code, immediate }: Instruction, width: 32 | 64, value: Value, littleEndian: boolean): Value {
  if (![16, 32, 64].includes(immediate)) return UNKNOWN;
  const toBig = (code & 8) !== 0;
  const swaps = width === 64 || toBig === littleEndian;
  return apply(`${swaps ? 'swap' : 'zext'}${immediate}`, value);
}

function immediateOf({ at }: MachineState, { code, immediate }: Instruction, place: Place): Value {
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

function wideImmediate(at: number, { immediate }: Instruction, place: Place): Value {
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
  if (definition?.internal !== true) return { key: `m${map}`, kind: 'map', map };
  // BPF_F_RDONLY_PROG, and frozen by the loader: the verifier reads constants from it.
  return (definition.flags & 0x80) !== 0 ? constantsPointer(map, offset) : POINTER;
}

function externReference(name: string, place: Place): Value {
  const extern = place.image.object.externs.find((candidate) => candidate.name === name);
  if (extern?.kind === 'kconfig') return optionPointer(name, 0);
  if (extern?.weak !== true) return POINTER;
  return place.bind({ kind: 'symbol', name, typed: extern.typed });
}

/** Loads of packet bytes (BPF_LD_ABS, BPF_LD_IND). */
function packetLoad(state: MachineState): void {
  for (let register = 0; register <= 5; register++) state.registers[register] = UNKNOWN;
  state.at++;
}

function load(state: MachineState, instruction: Instruction, place: Place): Split | undefined {
  const { code, destination } = instruction;
  const { value, feature } = readMemory(state, instruction, place);
  const isSigned = (code & 0xe0) === 0x80;
  const result = isSigned ? apply(`sext${accessSize(code) * 8}`, value) : value;
  state.at++;
  return setRegister(state, destination, { value: result, ...(feature === undefined ? {} : { feature }) });
}

function readMemory(state: MachineState, { code, source, offset }: Instruction, place: Place): ConditionalRead {
  const base = readRegister(state, source);
  const size = accessSize(code);
  switch (base.kind) {
    case 'stack': {
      const read = state.frames[base.frame]?.stack.read(base.offset + offset, size) ?? { value: UNKNOWN };
      // What is read is a pointer, or the same whether the feature is there or not.
      return isPointer(read.value) || read.value.kind === 'unknown' ? { value: read.value } : read;
    }
    case 'constants':
      return { value: readConstant(base.map, base.offset + offset, size, place) };
    case 'option':
      return { value: place.bind({ kind: 'kconfig', name: base.name, offset: base.offset + offset, bytes: size }) };
    default:
      return { value: UNKNOWN };
  }
}

function readConstant(map: string, offset: number, size: number, place: Place): Value {
  const parameter = place.parameterAt(map, offset, size);
  if (parameter !== undefined) return place.bind(parameter);
  const value = place.image.constant(map, offset, size);
  return value === undefined ? UNKNOWN : known(value);
}

function store(state: MachineState, { code, destination, source, offset, immediate }: Instruction): void {
  const base = readRegister(state, destination);
  const size = accessSize(code);
  const isAtomic = (code & 7) === CLASS.stx && (code & 0xe0) === 0xc0;
  if (isAtomic) spoilFetched(state, { source, immediate });
  if (base.kind !== 'stack') return;
  const stack = state.frames[base.frame]?.stack;
  if (isAtomic) stack?.clobber(base.offset + offset, size);
  else if ((code & 7) === CLASS.st) {
    stack?.write(base.offset + offset, size, truncate(known(BigInt.asUintN(64, BigInt(immediate))), size), true);
  } else {
    const value = readRegister(state, source);
    stack?.write(base.offset + offset, size, isPointer(value) && size === 8 ? value : truncate(value, size));
  }
}

/** Atomic operations that give the old value (RFC 9669, section 5.3). */
function spoilFetched(state: MachineState, { source, immediate }: { source: number; immediate: number }): void {
  if ((immediate & 0xf0) === 0xf0) state.registers[0] = UNKNOWN;
  else if ((immediate & 1) !== 0) state.registers[source] = UNKNOWN;
}
