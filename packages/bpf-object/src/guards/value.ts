import { compute, splitName } from './operations.ts';
import { FULL, isFull, onlyNumber, rangeKey, rangeOf, single, type Range } from './range.ts';

/** A value that differs from kernel to kernel, before positions of requirements are known. */
export type Variable =
  | { kind: 'relocation'; function: number; record: number }
  | { kind: 'symbol'; name: string; type: 'function' | 'variable' | 'none' }
  | { kind: 'kconfig'; name: string; offset: number; bytes: number }
  | { kind: 'parameter'; name: string; offset: number; bytes: number; initial: bigint }
  | { kind: 'feature'; name: string };

/** An expression over {@link Variable}s. `key` is equal for equal expressions. */
export type Expression = { key: string; size: number } & (
  | { kind: 'constant'; value: bigint }
  | { kind: 'variable'; variable: Variable }
  | { kind: 'operation'; op: string; args: readonly Expression[] }
);

/** What is known of a register or of a place on the stack. `key` is equal for equal values. */
export type Value = { key: string } & (
  | { kind: 'known'; value: bigint }
  /** Known as soon as the kernel is. */
  | { kind: 'symbolic'; expression: Expression }
  /** Into the stack of the frame at that depth. */
  | { kind: 'stack'; frame: number; offset: number }
  /** Into read-only global data. */
  | { kind: 'constants'; map: string; offset: number }
  /** Into a kernel option's variable. */
  | { kind: 'option'; name: string; offset: number }
  | { kind: 'map'; map: string }
  | { kind: 'function'; index: number }
  /** Some pointer that is not null. */
  | { kind: 'pointer' }
  /** Somewhere into the stack of the frame at that depth. */
  | { kind: 'stack-anywhere'; frame: number }
  /** A pointer that may be null; equal `id`s are null together. */
  | { kind: 'nullable'; id: number }
  /** A number that differs from run to run; what holds for one holds for all of its `id`, moved by what was added to each (`plus`, default 0). */
  | { kind: 'unknown'; range: Range; id?: number; plus?: bigint }
);

/** Nothing is known. */
export const UNKNOWN: Value = { key: 'u', kind: 'unknown', range: FULL };
/** A register that was never written. */
export const UNSET: Value = { key: '-', kind: 'unknown', range: FULL };
/** A pointer that is not null. */
export const POINTER: Value = { key: 'p', kind: 'pointer' };
/** Expressions with more parts than this are given up: no real guard comes near. */
const MAX_EXPRESSION_SIZE = 48;

const SMALL_NUMBERS: readonly Value[] = Array.from({ length: 256 }, (_, number) => makeKnown(BigInt(number)));

/** A number; unsigned 64-bit. */
export function known(value: bigint): Value {
  return (value < 256n && value >= 0n ? SMALL_NUMBERS[Number(value)] : undefined) ?? makeKnown(value);
}

function makeKnown(value: bigint): Value {
  return { key: `k${value}`, kind: 'known', value };
}

/** The number 0. */
export const ZERO: Value = known(0n);

/** A number within a range. */
export function ranged(range: Range, id?: number, plus: bigint = 0n): Value {
  const number = onlyNumber(range);
  if (number !== undefined) return known(number);
  const key = isFull(range) ? 'u' : `u${rangeKey(range)}`;
  if (id !== undefined) return { key, kind: 'unknown', range, id, ...(plus === 0n ? {} : { plus }) };
  return key === 'u' ? UNKNOWN : { key, kind: 'unknown', range };
}

/** A pointer that may be null. */
export function nullable(id: number): Value {
  return { key: 'n', kind: 'nullable', id };
}

/** Somewhere into the stack of the frame at that depth. */
export function stackAnywhere(frame: number): Value {
  return { key: `a${frame}`, kind: 'stack-anywhere', frame };
}

/** A value of the kernel. */
export function variable(value: Variable): Value {
  const key = Object.values(value).join(' ');
  return symbolic({ key: `{${key}}`, size: 1, kind: 'variable', variable: value });
}

/** The place on the stack. */
export function stackPointer(frame: number, offset: number): Value {
  return { key: `f${frame}:${offset}`, kind: 'stack', frame, offset };
}

/** The place in read-only data. */
export function constantsPointer(map: string, offset: number): Value {
  return { key: `c${map}:${offset}`, kind: 'constants', map, offset };
}

/** The place in a kernel option's variable. */
export function optionPointer(name: string, offset: number): Value {
  return { key: `o${name}:${offset}`, kind: 'option', name, offset };
}

function symbolic(expression: Expression): Value {
  return { key: `s${expression.key}`, kind: 'symbolic', expression };
}

/** The value as an expression, where it is a number. */
export function toExpression(value: Value): Expression | undefined {
  if (value.kind === 'symbolic') return value.expression;
  return value.kind === 'known'
    ? { key: String(value.value), size: 1, kind: 'constant', value: value.value }
    : undefined;
}

/** Operations with one operand. */
const UNARY: ReadonlySet<string> = new Set(['neg', 'sext', 'zext', 'swap']);

/** Applies an operation of operations.ts. */
export function apply(op: string, a: Value, b: Value = ZERO): Value {
  if (a.kind === 'known' && b.kind === 'known') {
    const result = compute(op, a.value, b.value);
    return result === undefined ? UNKNOWN : known(result);
  }
  const moved = movePointer(op, a, b);
  if (moved) return moved;
  const absorbed = absorb(op, a, b);
  if (absorbed) return absorbed;
  const [left, right] = [toExpression(a), toExpression(b)];
  if (!left || !right) return applyRange(op, a, b);
  const args = UNARY.has(splitName(op).name) ? [left] : [left, right];
  const size = args.reduce((sum, part) => sum + part.size, 1);
  if (size > MAX_EXPRESSION_SIZE) return UNKNOWN;
  const key = `(${op} ${args.map((part) => part.key).join(' ')})`;
  return symbolic({ key, size, kind: 'operation', op, args });
}

/** Numbers that are not known exactly. */
function applyRange(op: string, a: Value, b: Value): Value {
  const [left, right] = [rangeOfValue(a), rangeOfValue(b)];
  const range = left && right && rangeOf(op, left, right);
  if (range === left && a.kind === 'unknown' && a.id === undefined) return a;
  return range ? ranged(range) : UNKNOWN;
}

/** What is known of a number; undefined for pointers. */
export function rangeOfValue(value: Value): Range | undefined {
  if (value.kind === 'known') return single(value.value);
  if (value.kind === 'symbolic') return FULL;
  return value.kind === 'unknown' ? value.range : undefined;
}

/** Pointers that stay known when a number is added. */
function movePointer(op: string, a: Value, b: Value): Value | undefined {
  if (op !== 'add64' && op !== 'sub64') return undefined;
  const [pointer, number] = a.kind === 'known' && op === 'add64' ? [b, a] : [a, b];
  if (number.kind !== 'known') {
    if (pointer.kind === 'stack' || pointer.kind === 'stack-anywhere') return stackAnywhere(pointer.frame);
    return isPointer(pointer) ? POINTER : undefined;
  }
  const by = Number(BigInt.asIntN(32, op === 'add64' ? number.value : -number.value));
  if (pointer.kind === 'stack') return stackPointer(pointer.frame, pointer.offset + by);
  if (pointer.kind === 'constants') return constantsPointer(pointer.map, pointer.offset + by);
  if (pointer.kind === 'option') return optionPointer(pointer.name, pointer.offset + by);
  return pointer.kind === 'pointer' || pointer.kind === 'stack-anywhere' ? pointer : undefined;
}

/** Results that one operand alone decides (kernel/bpf/tnum.c). */
function absorb(op: string, a: Value, b: Value): Value | undefined {
  const [left, right] = [isZero(a), isZero(b)];
  if (!left && !right) return undefined;
  const { name, width } = splitName(op);
  if (name === 'and' || name === 'mul') return ZERO;
  if (left && (name === 'lsh' || name === 'rsh')) return ZERO;
  if (width !== 64) return undefined;
  if (right && a.kind === 'symbolic' && NEUTRAL_RIGHT.has(name)) return a;
  return left && b.kind === 'symbolic' && NEUTRAL_LEFT.has(name) ? b : undefined;
}

/** Operations that 0 on the right, or on the left, leaves as it was. */
const NEUTRAL_RIGHT: ReadonlySet<string> = new Set(['add', 'sub', 'or', 'xor', 'lsh', 'rsh', 'arsh']);
const NEUTRAL_LEFT: ReadonlySet<string> = new Set(['add', 'or', 'xor']);

function isZero(value: Value): boolean {
  return value.kind === 'known' && value.value === 0n;
}

/** The largest number that an expression can be, as far as its form shows it. */
export function maximumOf(
  expression: Expression,
  maxOfVariable: (variable: Variable) => bigint | undefined,
): bigint | undefined {
  if (expression.kind === 'constant') return expression.value;
  if (expression.kind === 'variable') return maxOfVariable(expression.variable);
  const [a, b] = expression.args.map((part) => maximumOf(part, maxOfVariable));
  const { name, width } = splitName(expression.op);
  if (name === 'and') return a === undefined || (b !== undefined && b < a) ? b : a;
  if (name === 'zext' && a !== undefined) return a < 1n << BigInt(width) ? a : (1n << BigInt(width)) - 1n;
  if (name === 'lsh' && a !== undefined && expression.args[1]?.kind === 'constant' && (b ?? 64n) < 32n)
    return a << (b ?? 0n);
  return name === 'add' && a !== undefined && b !== undefined ? a + b : undefined;
}

/** Whether the value is a pointer, which is never null. */
export function isPointer(value: Value): boolean {
  return !['known', 'symbolic', 'unknown', 'nullable'].includes(value.kind);
}
