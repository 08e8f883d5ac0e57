import {
  type Bounds,
  exactly,
  max,
  min,
  onlyNumber,
  S32_MAX,
  S32_MIN,
  S64_MAX,
  S64_MIN,
  settle,
  U32,
  U64,
  UNBOUNDED,
  within,
} from './bounds.ts';
import { compute } from '../guards/operations.ts';

/** Bounds of one width, signed and unsigned. */
interface Ends {
  umin: bigint;
  umax: bigint;
  smin: bigint;
  smax: bigint;
}

type Width = 32 | 64;

const FULL: Readonly<Record<Width, Ends>> = {
  32: { umin: 0n, umax: U32, smin: S32_MIN, smax: S32_MAX },
  64: { umin: 0n, umax: U64, smin: S64_MIN, smax: S64_MAX },
};

/**
 * What is known of the result of an operation of operations.ts (kernel/bpf/verifier.c, adjust_scalar_min_max_vals).
 *
 * @returns undefined where a verifier may know more than this can tell.
 */
export function calculateBounds(op: string, a: Bounds, b: Bounds): Bounds | undefined {
  const [left, right] = [onlyNumber(a), onlyNumber(b)];
  if (left !== undefined && right !== undefined) {
    const number = compute(op, left, right);
    return number === undefined ? undefined : exactly(number);
  }
  const [name, size] = partsOf(op);
  if (name === 'zext') return lowBits(a, Number(size));
  if (name === 'sext') return extendSign(a, Number(size));
  if (name === 'swap') return swap(a, Number(size));
  if (name === 'neg') return calculateBounds(`sub${size}`, exactly(0n), a);
  if (size === '32') return half(name, a, b);
  const ends = rules.get(name)?.(ends64(a), ends64(b), 64, { a, b });
  if (ends === undefined) return undefined;
  const low = LOW_STAYS.has(name)
    ? rules.get(name)?.(ends32(a), ends32(b), 32, { a: low32(a), b: low32(b) })
    : undefined;
  return settle({ ...UNBOUNDED, ...ends, ...(low ? named32(low) : {}), ...bitsOf(name, a, b) }) ?? undefined;
}

const parts = new Map<string, [name: string, size: string]>();

/** Name and width of an operation. */
function partsOf(op: string): [name: string, size: string] {
  let found = parts.get(op);
  if (found === undefined) {
    const [, name = '', size = ''] = /^([a-z]+)(8|16|32|64)$/.exec(op) ?? [];
    parts.set(op, (found = [name, size]));
  }
  return found;
}

/** Operations whose lower half depends on the lower halves alone. */
const LOW_STAYS = new Set(['add', 'sub', 'mul', 'and', 'or', 'xor', 'lsh']);

function half(name: string, a: Bounds, b: Bounds): Bounds | undefined {
  const [left, right] = [low32(a), low32(b)];
  const ends = rules.get(name)?.(ends32(left), ends32(right), 32, { a: left, b: right });
  if (ends === undefined) return undefined;
  const { bits = 0n, mask = U64 } = name === 'arsh' ? {} : bitsOf(name, left, right);
  return settle({ ...UNBOUNDED, umax: U32, ...named32(ends), bits: bits & U32, mask: mask & U32 });
}

function ends64({ umin, umax, smin, smax }: Bounds): Ends {
  return { umin, umax, smin, smax };
}

function ends32({ umin32, umax32, smin32, smax32 }: Bounds): Ends {
  return { umin: umin32, umax: umax32, smin: smin32, smax: smax32 };
}

function named32({ umin, umax, smin, smax }: Ends): Pick<Bounds, 'umin32' | 'umax32' | 'smin32' | 'smax32'> {
  return { umin32: umin, umax32: umax, smin32: smin, smax32: smax };
}

/** The lower half alone. */
export function low32(bounds: Bounds): Bounds {
  return bounds.umax <= U32 ? bounds : lowBits(bounds, 32);
}

/** The lowest bits alone (zext_32_to_64, coerce_reg_to_size). */
export function lowBits(bounds: Bounds, width: number): Bounds {
  if (width >= 64) return bounds;
  const all = (1n << BigInt(width)) - 1n;
  if (bounds.umax <= all) return bounds;
  const known = { bits: bounds.bits & all, mask: bounds.mask & all };
  if (width === 32) return within({ umin: bounds.umin32, umax: bounds.umax32, ...named32(ends32(bounds)), ...known });
  const fits = bounds.umax32 <= all ? { umin: bounds.umin32, umax: bounds.umax32 } : { umax: all };
  return within({ ...fits, ...known });
}

function extendSign(bounds: Bounds, width: number): Bounds {
  const top = (1n << BigInt(width - 1)) - 1n;
  if (bounds.smin >= -top - 1n && bounds.smax <= top) return bounds;
  if (bounds.smin32 >= -top - 1n && bounds.smax32 <= top) return within({ smin: bounds.smin32, smax: bounds.smax32 });
  return within({ smin: -top - 1n, smax: top });
}

function swap({ bits, mask }: Bounds, width: number): Bounds | undefined {
  const [swappedBits, swappedMask] = [compute(`swap${width}`, bits), compute(`swap${width}`, mask)];
  if (swappedBits === undefined || swappedMask === undefined) return undefined;
  return within({ bits: swappedBits, mask: swappedMask });
}

type Rule = (a: Ends, b: Ends, width: Width, whole: { a: Bounds; b: Bounds }) => Ends | undefined;

const rules: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ['add', (a, b, width) => addEnds(a, b, width)],
  ['sub', (a, b, width) => addEnds(a, { umin: -b.umax, umax: -b.umin, smin: -b.smax, smax: -b.smin }, width)],
  ['mul', multiply],
  ['and', (a, b, width) => ({ ...FULL[width], umax: min(a.umax, b.umax), ...signedAnd(a, b, width) })],
  ['or', (a, b, width) => ({ ...FULL[width], umin: max(a.umin, b.umin) })],
  ['xor', (_a, _b, width) => FULL[width]],
  ['lsh', shiftLeft],
  ['rsh', shiftRight],
  ['arsh', shiftSigned],
  ['div', divide],
  ['mod', remainder],
]);

/** Adds; an interval that steps over the border as a whole stays one. */
function addEnds(a: Ends, b: Ends, width: Width): Ends {
  const full = FULL[width];
  const wrap = (low: bigint, high: bigint, signed: boolean): [bigint, bigint] => {
    const fit = (value: bigint): bigint => (signed ? BigInt.asIntN(width, value) : BigInt.asUintN(width, value));
    const [from, to] = [fit(low), fit(high)];
    const isWhole = high - low < 1n << BigInt(width) && from <= to && to - from === high - low;
    return isWhole ? [from, to] : signed ? [full.smin, full.smax] : [full.umin, full.umax];
  };
  const [umin, umax] = wrap(a.umin + b.umin, a.umax + b.umax, false);
  const [smin, smax] = wrap(a.smin + b.smin, a.smax + b.smax, true);
  return { umin, umax, smin, smax };
}

function multiply(a: Ends, b: Ends, width: Width): Ends {
  const full = { ...FULL[width] };
  if (a.umax * b.umax <= full.umax) [full.umin, full.umax] = [a.umin * b.umin, a.umax * b.umax];
  const products = [a.smin * b.smin, a.smin * b.smax, a.smax * b.smin, a.smax * b.smax];
  const [low, high] = [products.reduce(min), products.reduce(max)];
  if (low >= full.smin && high <= full.smax) [full.smin, full.smax] = [low, high];
  return full;
}

function signedAnd(a: Ends, b: Ends, width: Width): Partial<Ends> {
  if (a.smin >= 0n) return { smin: 0n, smax: b.smin >= 0n ? min(a.smax, b.smax) : a.smax };
  if (b.smin >= 0n) return { smin: 0n, smax: b.smax };
  return a.smax < 0n && b.smax < 0n ? { smin: FULL[width].smin, smax: min(a.smax, b.smax) } : {};
}

/** Shift counts: none where some are out of range, which is no number that a verifier knows. */
function counts({ umin, umax }: Ends, width: Width): [bigint, bigint] | undefined {
  return umax < BigInt(width) ? [umin, umax] : undefined;
}

function shiftLeft(a: Ends, b: Ends, width: Width, { a: whole }: { a: Bounds }): Ends | undefined {
  const by = counts(b, width);
  if (by === undefined) return undefined;
  const [few, many] = by;
  const full = { ...FULL[width] };
  if (a.umax << many <= full.umax) [full.umin, full.umax] = [a.umin << few, a.umax << many];
  // What the lower half says is left where the upper one is shifted out.
  const [smin, smax] = width === 64 && few >= 32n ? [whole.smin32, whole.smax32] : [a.smin, a.smax];
  const [low, high] = [smin < 0n ? smin << many : smin << few, smax < 0n ? smax << few : smax << many];
  if (low >= full.smin && high <= full.smax) [full.smin, full.smax] = [low, high];
  return full;
}

function shiftRight(a: Ends, b: Ends, width: Width): Ends | undefined {
  const by = counts(b, width);
  return by && { ...FULL[width], umin: a.umin >> by[1], umax: a.umax >> by[0] };
}

function shiftSigned(a: Ends, b: Ends, width: Width): Ends | undefined {
  const by = counts(b, width);
  if (by === undefined) return undefined;
  const [few, many] = by;
  const smin = a.smin < 0n ? a.smin >> few : a.smin >> many;
  const smax = a.smax < 0n ? a.smax >> many : a.smax >> few;
  return { ...FULL[width], smin, smax };
}

/** A division by zero gives zero. */
function divide(a: Ends, b: Ends, width: Width): Ends {
  const umin = b.umin === 0n ? 0n : a.umin / b.umax;
  return { ...FULL[width], umin, umax: a.umax / max(b.umin, 1n) };
}

/** A remainder by zero leaves the number as it is. */
function remainder(a: Ends, b: Ends, width: Width): Ends {
  return { ...FULL[width], umax: b.umin === 0n ? a.umax : min(a.umax, b.umax - 1n) };
}

/** kernel/bpf/tnum.c */
function bitsOf(name: string, a: Bounds, b: Bounds): { bits?: bigint; mask?: bigint } {
  const by = onlyNumber(b);
  switch (name) {
    case 'add':
      return addBits(a, b);
    case 'sub':
      return subtractBits(a, b);
    case 'and': {
      const bits = a.bits & b.bits;
      return { bits, mask: (a.bits | a.mask) & (b.bits | b.mask) & ~bits };
    }
    case 'or': {
      const bits = a.bits | b.bits;
      return { bits, mask: (a.mask | b.mask) & ~bits };
    }
    case 'xor': {
      const mask = a.mask | b.mask;
      return { bits: (a.bits ^ b.bits) & ~mask, mask };
    }
    case 'lsh':
      if (by === undefined || by > 63n) return {};
      return { bits: BigInt.asUintN(64, a.bits << by), mask: BigInt.asUintN(64, a.mask << by) };
    case 'rsh':
      return by === undefined || by > 63n ? {} : { bits: a.bits >> by, mask: a.mask >> by };
    case 'mul':
      return multiplyBits(a, b);
    default:
      return {};
  }
}

function addBits(a: Bounds, b: Bounds): { bits: bigint; mask: bigint } {
  const sum = a.bits + b.bits;
  const mask = BigInt.asUintN(64, ((a.mask + b.mask + sum) ^ sum) | a.mask | b.mask);
  return { bits: BigInt.asUintN(64, sum) & ~mask, mask };
}

function subtractBits(a: Bounds, b: Bounds): { bits: bigint; mask: bigint } {
  const difference = a.bits - b.bits;
  const changed = (difference + a.mask) ^ (difference - b.mask);
  const mask = BigInt.asUintN(64, changed | a.mask | b.mask);
  return { bits: BigInt.asUintN(64, difference) & ~mask, mask };
}

/** Zeros at the end stay. */
function multiplyBits(a: Bounds, b: Bounds): { bits?: bigint; mask?: bigint } {
  const zeros = trailingZeros(a) + trailingZeros(b);
  return zeros >= 64 ? { bits: 0n, mask: 0n } : { bits: 0n, mask: BigInt.asUintN(64, U64 << BigInt(zeros)) };
}

function trailingZeros({ bits, mask }: Bounds): number {
  const possible = bits | mask;
  if (possible === 0n) return 64;
  const text = possible.toString(2);
  return text.length - 1 - text.lastIndexOf('1');
}
