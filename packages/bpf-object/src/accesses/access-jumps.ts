import { comparisonName } from '../guards/operations.ts';
import { known, toExpression, type Value } from '../guards/value.ts';
import { mirror } from '../guards/range.ts';
import { immediateOf } from '../guards/execute.ts';
import { CLASS, CODE_MAY_JUMP, jumpTarget, type Instruction } from '../object/instruction.ts';
import type { AccessContext } from './access-context.ts';
import { type AccessState, copyAccessState, readValue, updateAll } from './access-state.ts';
import { type AccessValue, ANY, boundsOf, constant, constantOf, FOREIGN } from './access-value.ts';
import { calculateBounds } from './arithmetic.ts';
import { type Bounds, exactly, intersect, onlyNumber, settle, U32, UNBOUNDED } from './bounds.ts';
import { MAX_PACKET } from './check-access.ts';
import { decideBounds, refineBounds } from './comparison.ts';

/** Both ways of a conditional jump. */
interface Ways {
  taken: AccessState;
  fallen: AccessState;
  push: (state: AccessState) => void;
}

/**
 * Follows both ways of a conditional jump, as far as the verifier follows them. A way of which it is not certain that the verifier goes it is
 * left out: what follows would be no certain claim.
 */
export function jumpBoth(state: AccessState, instruction: Instruction, context: AccessContext): void {
  const { code, destination, source } = instruction;
  const target = jumpTarget(instruction, state.at);
  if (target === undefined) return;
  const b = (code & 8) === 0 ? fromNumber(immediateOf(state, instruction, context)) : readValue(state, source);
  const taken = copyAccessState(state);
  taken.at = target;
  state.at++;
  const ways: Ways = { taken, fallen: state, push: context.push };
  const width = (code & 7) === CLASS.jmp ? 64 : 32;
  const op = code === CODE_MAY_JUMP ? undefined : comparisonName(code, width);
  if (op === undefined) return both(ways);
  const a = readValue(state, destination);
  if (b === undefined || a.kind === 'any' || b.kind === 'any') return;
  const name = op.slice(0, -2);
  const registers: [number, number | undefined] = [destination, (code & 8) === 0 ? undefined : source];
  if (a.kind === 'kernel' || b.kind === 'kernel') return decideByKernel(op, a, b, ways);
  if (comparePointers(name, width, a, b, registers, ways)) return;
  const [left, right] = [boundsOf(a), boundsOf(b)];
  if (left === undefined || right === undefined) return;
  const decided = decideBounds(name, left, right, width);
  for (const isTaken of [true, false]) {
    if (decided !== undefined && decided !== isTaken) continue;
    const refined = refineBounds(name, isTaken, left, right, width);
    const way = isTaken ? ways.taken : ways.fallen;
    if (refined === undefined || isZeroObject(name, width, a, b, isTaken)) continue;
    const isUnequal = (name === 'jne' && isTaken) || (name === 'jeq' && !isTaken);
    const told = [
      { value: a, bounds: refined[0], not: isUnequal ? excludedBy(right, width) : undefined },
      { value: b, bounds: refined[1], not: isUnequal ? excludedBy(left, width) : undefined },
    ];
    const isPossible = told.every((lesson, side) => {
      const register = registers[side];
      return register === undefined || learn(way, register, lesson);
    });
    if (isPossible) ways.push(way);
  }
}

function both({ taken, fallen, push }: Ways): void {
  push(taken);
  push(fallen);
}

function fromNumber(value: Value): AccessValue | undefined {
  if (value.kind === 'known') return constant(value.value);
  return value.kind === 'symbolic' ? { kind: 'kernel', value } : undefined;
}

/** The way on which something is null that may be a pointer that never is. */
function isZeroObject(name: string, width: number, a: AccessValue, b: AccessValue, isTaken: boolean): boolean {
  if (width === 32 || (a.kind !== 'foreign' && b.kind !== 'foreign')) return false;
  const isEquality = name === 'jeq' || name === 'jne';
  const other = a.kind === 'foreign' ? b : a;
  return isEquality && constantOf(other) === 0n && (name === 'jeq') === isTaken;
}

/** A value of the kernel decides: on each way that is known from there on. */
function decideByKernel(op: string, a: AccessValue, b: AccessValue, { taken, fallen, push }: Ways): void {
  const [left, right] = [toNumber(a), toNumber(b)];
  const args = left && right && ([toExpression(left), toExpression(right)] as const);
  if (args?.[0] === undefined || args[1] === undefined) return;
  const [x, y] = [args[0], args[1]];
  const key = `${op} ${x.key} ${y.key}`;
  const asked = taken.literals.find((literal) => literal.key === key);
  for (const [state, holds] of [
    [taken, true],
    [fallen, false],
  ] as const) {
    if (asked && asked.holds !== holds) continue;
    if (!asked) state.literals = [...state.literals, { key, op, args: [x, y], holds }];
    push(state);
  }
}

function toNumber(value: AccessValue): Value | undefined {
  if (value.kind === 'kernel') return value.value;
  const only = constantOf(value);
  return only === undefined ? undefined : known(only);
}

function isPointer({ kind }: AccessValue): boolean {
  return kind !== 'number' && kind !== 'foreign';
}

/** Comparisons in which a pointer takes part. Whether it was one. */
function comparePointers(
  name: string,
  width: 32 | 64,
  a: AccessValue,
  b: AccessValue,
  registers: readonly [number, number | undefined],
  ways: Ways,
): boolean {
  if (!isPointer(a) && !isPointer(b)) return false;
  if (a.kind === 'packet-end' || b.kind === 'packet-end') {
    const [pointer, toLeft] = a.kind === 'packet-end' ? [b, mirror(name)] : [a, name];
    if (width === 64 && pointer.kind === 'packet') compareWithEnd(toLeft, pointer, ways);
    return true;
  }
  const [pointer, other, register] = isPointer(a) ? [a, b, registers[0]] : [b, a, registers[1] ?? -1];
  const isNullTest = width === 64 && (name === 'jeq' || name === 'jne') && constantOf(other) === 0n;
  if (!isNullTest) {
    // No verifier decides how pointers lie to each other, but one may know that something is no null.
    if (isPointer(other) && name !== 'jeq' && name !== 'jne') both(ways);
    return true;
  }
  const [zero, rest] = name === 'jeq' ? [ways.taken, ways.fallen] : [ways.fallen, ways.taken];
  if (pointer.kind === 'maybe') {
    // Null or not: what else may hold the same is not followed.
    for (const way of [zero, rest]) updateAll(way, (value) => (value.kind === 'maybe' ? ANY : value));
    zero.registers[register] = constant(0n);
    rest.registers[register] = FOREIGN;
    ways.push(zero);
  } else if (pointer.kind === 'pointer' && pointer.nullable !== undefined) {
    const id = pointer.nullable;
    const { nullable: _, found: isFound, ...certain } = pointer;
    updateAll(zero, (value) => (value.kind === 'pointer' && value.nullable === id ? constant(0n) : value));
    updateAll(rest, (value) =>
      value.kind === 'pointer' && value.nullable === id ? { ...certain, offset: value.offset } : value,
    );
    if (isFound !== true) ways.push(zero);
  }
  ways.push(rest);
  return true;
}

/**
 * What is before the packet's end is in the packet (find_good_pkt_pointers). Once a pointer was found beyond it, the verifier knows how further
 * comparisons end (is_pkt_ptr_branch_taken).
 */
function compareWithEnd(
  name: string,
  { id, offset, moved }: AccessValue & { kind: 'packet' },
  { taken, fallen, push }: Ways,
): void {
  const isBeyondTaken = name === 'jgt' || name === 'jge';
  if ((!isBeyondTaken && name !== 'jlt' && name !== 'jle') || taken.beyond) return;
  const [beyond, before] = isBeyondTaken ? [taken, fallen] : [fallen, taken];
  beyond.beyond = true;
  const range = name === 'jge' || name === 'jlt' ? offset + 1 : offset;
  if (moved === undefined || moved.umax + BigInt(offset) <= MAX_PACKET) {
    updateAll(before, (value) =>
      value.kind === 'packet' && value.id === id && value.range < range ? { ...value, range } : value,
    );
  }
  push(taken);
  push(fallen);
}

/** Where a number is not equal to the only number that another side can be: `jne64` and that number. */
function excludedBy(other: Bounds, width: 32 | 64): string | undefined {
  const only = onlyNumber(other);
  return only === undefined ? undefined : `${width}:${width === 32 ? only & U32 : only}`;
}

/** What a way of a comparison tells of a value. */
interface Lesson {
  value: AccessValue;
  bounds: Bounds;
  not: string | undefined;
}

/**
 * What is known of a register from here on, and of all that is linked to it (sync_linked_regs).
 *
 * @returns whether there is such a number.
 */
function learn(state: AccessState, register: number, { value, bounds, not }: Lesson): boolean {
  if (value.kind === 'foreign') {
    const link = value.id === undefined ? {} : { id: value.id, delta: 0n };
    const after: AccessValue = { kind: 'number', bounds, ...link, ...(not === undefined ? {} : { not: [not] }) };
    if (value.id !== undefined) {
      updateAll(state, (each) => (each.kind === 'foreign' && each.id === value.id ? after : each));
    }
    state.registers[register] = after;
    return true;
  }
  if (value.kind !== 'number' || onlyNumber(value.bounds) !== undefined) return true;
  const excluded = not === undefined || value.not?.includes(not) ? value.not : [...(value.not ?? []), not].slice(-8);
  const own: AccessValue & { kind: 'number' } = { ...value, bounds, ...(excluded ? { not: excluded } : {}) };
  let isPossible = !isExcluded(own);
  state.registers[register] = own;
  if (value.id === undefined) return isPossible;
  updateAll(state, (each) => {
    if (each.kind !== 'number' || each.id !== value.id) return each;
    const told = toldBy(own, each);
    if (told === undefined) isPossible = false;
    const isSame = (each.delta ?? 0n) === (own.delta ?? 0n) && !each.half && !own.half;
    return told === undefined ? each : { ...each, bounds: told, ...(isSame && excluded ? { not: excluded } : {}) };
  });
  return isPossible;
}

/** Whether the only number that is left is one that it is not. */
function isExcluded({ bounds, not }: AccessValue & { kind: 'number' }): boolean {
  if (not === undefined) return false;
  const only = onlyNumber(bounds);
  if (only !== undefined && not.includes(`64:${only}`)) return true;
  return bounds.umin32 === bounds.umax32 && not.includes(`32:${bounds.umin32}`);
}

function toldBy(own: AccessValue & { kind: 'number' }, each: AccessValue & { kind: 'number' }): Bounds | undefined {
  const distance = exactly((each.delta ?? 0n) - (own.delta ?? 0n));
  if (!own.half && !each.half) {
    const moved = calculateBounds('add64', own.bounds, distance);
    return moved && intersect(moved, each.bounds);
  }
  const low = calculateBounds('add32', own.bounds, distance);
  if (low === undefined) return undefined;
  const { umin32, umax32, smin32, smax32 } = low;
  const half = settle({ ...UNBOUNDED, umin32, umax32, smin32, smax32 });
  return half && intersect(half, each.bounds);
}
