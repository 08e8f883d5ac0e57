import { NEGATED, splitName } from './operations.ts';

/**
 * What a verifier knows of a number that it does not know: unsigned and signed bounds, and bits (kernel/bpf/verifier.c, struct
 * bpf_reg_state; kernel/bpf/tnum.c).
 */
export interface Range {
  /** Unsigned bounds. */
  umin: bigint;
  umax: bigint;
  /** Signed bounds. */
  smin: bigint;
  smax: bigint;
  /** Bits that are known, and which are not (set in `mask`). */
  bits: bigint;
  mask: bigint;
}

const U64 = 0xffff_ffff_ffff_ffffn;
const S64_MAX = 0x7fff_ffff_ffff_ffffn;
const S64_MIN = -0x8000_0000_0000_0000n;
/** Largest signed number of 32 bits. */
export const S32_MAX: bigint = 0x7fff_ffffn;
/** Largest number of 32 bits. */
export const U32_MAX = 0xffff_ffffn;

/** Any number. */
export const FULL: Range = { umin: 0n, umax: U64, smin: S64_MIN, smax: S64_MAX, bits: 0n, mask: U64 };

/** Any number from 0 to `umax`. */
export function upTo(umax: bigint): Range {
  return settle({ ...FULL, umax });
}

/** Any number between signed bounds. */
export function between(smin: bigint, smax: bigint): Range {
  return settle({ ...FULL, smin, smax });
}

/** Whether it says nothing. */
export function isFull({ umin, umax, smin, smax, mask }: Range): boolean {
  return umin === 0n && umax === U64 && mask === U64 && smin === S64_MIN && smax === S64_MAX;
}

/** Equal for equal ranges. */
export function rangeKey({ umin, umax, smin, smax, bits, mask }: Range): string {
  return `${umin},${umax},${smin},${smax},${bits},${mask}`;
}

/** The only number that it can be. */
export function onlyNumber({ umin, umax, bits, mask }: Range): bigint | undefined {
  if (mask === 0n) return bits;
  return umin === umax ? umin : undefined;
}

/** A single number. */
export function single(value: bigint): Range {
  const signed = BigInt.asIntN(64, value);
  return { umin: value, umax: value, smin: signed, smax: signed, bits: value, mask: 0n };
}

/** Lets each kind of knowledge add to the others (__update_reg_bounds, __reg_deduce_bounds, __reg_bound_offset). */
export function settle(range: Range): Range {
  let { umin, umax, smin, smax, bits, mask } = range;
  umin = max(umin, bits);
  umax = min(umax, bits | mask);
  // Both signed bounds on one side of zero are unsigned bounds too.
  if (smin >= 0n || smax < 0n) {
    umin = max(umin, BigInt.asUintN(64, smin));
    umax = min(umax, BigInt.asUintN(64, smax));
  }
  if (umax <= S64_MAX || umin > S64_MAX) {
    smin = max(smin, BigInt.asIntN(64, umin));
    smax = min(smax, BigInt.asIntN(64, umax));
  }
  const common = commonBits(umin, umax);
  bits |= common.bits & mask;
  mask &= common.mask;
  return { umin, umax, smin, smax, bits, mask };
}

function commonBits(umin: bigint, umax: bigint): { bits: bigint; mask: bigint } {
  if (umin > umax) return { bits: 0n, mask: U64 };
  if (umin === umax) return { bits: umin, mask: 0n };
  const mask = ALL_BITS[bitLength(umin ^ umax)] ?? U64;
  return { bits: umin & ~mask, mask };
}

/** By number of bits: the largest number of so many. */
const ALL_BITS: readonly bigint[] = Array.from({ length: 65 }, (_, bits) => (1n << BigInt(bits)) - 1n);

function bitLength(value: bigint): number {
  const upper = Number(value >> 32n);
  return upper === 0 ? 32 - Math.clz32(Number(value)) : 64 - Math.clz32(upper);
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

/** An operation of operations.ts where at least one side is no single number; undefined = nothing is known of the result. */
export function rangeOf(op: string, a: Range, b: Range): Range | undefined {
  const { name, width } = splitName(op);
  if (name === 'zext') return lowBits(a, width);
  if (width === 32) {
    // The sign would be that of the lower half.
    if (name === 'arsh' && a.umax > 0x7fff_ffffn) return upTo(U32_MAX);
    const result = rangeOf(`${name}64`, lowBits(a, 32), lowBits(b, 32));
    return result ? lowBits(result, 32) : upTo(U32_MAX);
  }
  switch (name) {
    case 'add':
      return add(a, b);
    case 'sub':
      return subtract(a, b);
    case 'and':
      return and(a, b);
    case 'or':
      return settle({
        ...FULL,
        bits: a.bits | b.bits,
        mask: (a.mask | b.mask) & ~(a.bits | b.bits),
        umin: max(a.umin, b.umin),
      });
    case 'xor':
      return settle({ ...FULL, bits: (a.bits ^ b.bits) & ~(a.mask | b.mask), mask: a.mask | b.mask });
    case 'lsh':
    case 'rsh':
    case 'arsh':
      return shift(name, a, b);
    default:
      return undefined;
  }
}

/** What is known of the lowest bits. */
export function lowBits(range: Range, width: number): Range {
  const all = ALL_BITS[width] ?? U64;
  if (range.umax <= all) return range;
  return settle({ ...FULL, umax: all, bits: range.bits & all, mask: range.mask & all });
}

/** The lower half as a signed number; undefined where its sign is not known. */
export function lowSigned(range: Range): Range | undefined {
  const { umin, umax } = lowBits(range, 32);
  return umax <= S32_MAX || umin > S32_MAX ? between(BigInt.asIntN(32, umin), BigInt.asIntN(32, umax)) : undefined;
}

function add(a: Range, b: Range): Range {
  const result = { ...FULL };
  if (a.umax + b.umax <= U64) [result.umin, result.umax] = [a.umin + b.umin, a.umax + b.umax];
  const [smin, smax] = [a.smin + b.smin, a.smax + b.smax];
  if (smin >= S64_MIN && smax <= S64_MAX) [result.smin, result.smax] = [smin, smax];
  const sum = a.bits + b.bits;
  const carried = a.mask + b.mask + sum;
  const mask = BigInt.asUintN(64, (carried ^ sum) | a.mask | b.mask);
  return settle({ ...result, bits: BigInt.asUintN(64, sum) & ~mask, mask });
}

function subtract(a: Range, b: Range): Range {
  const result = { ...FULL };
  if (a.umin >= b.umax) [result.umin, result.umax] = [a.umin - b.umax, a.umax - b.umin];
  const [smin, smax] = [a.smin - b.smax, a.smax - b.smin];
  if (smin >= S64_MIN && smax <= S64_MAX) [result.smin, result.smax] = [smin, smax];
  return settle(result);
}

function and(a: Range, b: Range): Range {
  const bits = a.bits & b.bits;
  const mask = (a.bits | a.mask) & (b.bits | b.mask) & ~bits;
  return settle({ ...FULL, umax: min(a.umax, b.umax), bits, mask });
}

function shift(name: string, a: Range, b: Range): Range | undefined {
  const by = onlyNumber(b);
  if (by === undefined || by > 63n) return undefined;
  if (name === 'arsh') return settle({ ...FULL, smin: a.smin >> by, smax: a.smax >> by });
  if (name === 'rsh') {
    return settle({ ...FULL, umin: a.umin >> by, umax: a.umax >> by, bits: a.bits >> by, mask: a.mask >> by });
  }
  const bits = BigInt.asUintN(64, a.bits << by);
  const mask = BigInt.asUintN(64, a.mask << by);
  return settle(
    a.umax << by <= U64 ? { ...FULL, umin: a.umin << by, umax: a.umax << by, bits, mask } : { ...FULL, bits, mask },
  );
}

const MIRRORED: Readonly<Record<string, string>> = {
  jeq: 'jeq',
  jne: 'jne',
  jset: 'jset',
  jgt: 'jlt',
  jge: 'jle',
  jlt: 'jgt',
  jle: 'jge',
  jsgt: 'jslt',
  jsge: 'jsle',
  jslt: 'jsgt',
  jsle: 'jsge',
};

/** The comparison that says the same with its sides exchanged. */
export function mirror(name: string): string {
  return MIRRORED[name] ?? name;
}

/** Whether a comparison of two ranges is decided. */
export function decideRanges(name: string, a: Range, b: Range): boolean | undefined {
  const [low, high] = [decideRange(name, a, b.umin)?.taken, decideRange(name, a, b.umax)?.taken];
  // Between its bounds a comparison by order changes at most once; equality is another matter.
  const byOrder = /^j[gl][te]$/.test(name) && low === high;
  if (byOrder) return low;
  const apart = a.umax < b.umin || a.umin > b.umax;
  return apart && (name === 'jeq' || name === 'jne') ? name === 'jne' : undefined;
}

/** What a comparison with a number comes to; `newer`: only verifiers with `range-contradictions` see it. */
export interface RangeDecision {
  taken: boolean;
  newer: boolean;
}

function sure(yes: boolean, no: boolean): RangeDecision | undefined {
  return yes || no ? { taken: yes, newer: false } : undefined;
}

/** Whether a jump on a 64-bit comparison with a number is decided (is_branch_taken). */
export function decideRange(name: string, range: Range, number: bigint): RangeDecision | undefined {
  const signed = BigInt.asIntN(64, number);
  const { umin, umax, smin, smax, bits, mask } = range;
  switch (name) {
    case 'jeq':
    case 'jne': {
      const outside = number < umin || number > umax || signed < smin || signed > smax || (number & ~mask) !== bits;
      return outside ? { taken: name === 'jne', newer: true } : undefined;
    }
    case 'jset':
      return sure((bits & number) !== 0n, ((bits | mask) & number) === 0n);
    case 'jgt':
      return sure(umin > number, umax <= number);
    case 'jge':
      return sure(umin >= number, umax < number);
    case 'jlt':
      return sure(umax < number, umin >= number);
    case 'jle':
      return sure(umax <= number, umin > number);
    case 'jsgt':
      return sure(smin > signed, smax <= signed);
    case 'jsge':
      return sure(smin >= signed, smax < signed);
    case 'jslt':
      return sure(smax < signed, smin >= signed);
    case 'jsle':
      return sure(smax <= signed, smin > signed);
    default:
      return undefined;
  }
}

/** A range of numbers moved by one. */
export function moved(range: Range, by: bigint): Range {
  return add(range, single(BigInt.asUintN(64, by)));
}

/** What a comparison of the lower halves tells: by their signs, or that they are equal. `number` has 32 bits. */
export function refineLowHalf(name: string, taken: boolean, range: Range, number: bigint): Range {
  if (name.startsWith('js') && name !== 'jset')
    return refineLowSign(taken ? name : (NEGATED[name] ?? ''), range, number);
  if ((name === 'jeq') !== taken || (name !== 'jeq' && name !== 'jne')) return range;
  return settle({ ...range, bits: (range.bits & ~U32_MAX) | number, mask: range.mask & ~U32_MAX });
}

/** Signed comparisons tell something where they leave one sign only. */
function refineLowSign(name: string, range: Range, number: bigint): Range {
  const signed = BigInt.asIntN(32, number);
  const least = name === 'jsgt' ? signed + 1n : name === 'jsge' ? signed : undefined;
  const most = name === 'jslt' ? signed - 1n : name === 'jsle' ? signed : undefined;
  if (least !== undefined && least >= 0n) return withLowHalf(range, least, S32_MAX);
  if (most !== undefined && most < 0n) return withLowHalf(range, S32_MAX + 1n, BigInt.asUintN(32, most));
  return range;
}

/** Bounds of the lower half, which are those of the whole where it has no more; else the sign bit is what is known. */
function withLowHalf(range: Range, least: bigint, most: bigint): Range {
  if (range.umax <= U32_MAX) return settle({ ...range, umin: max(range.umin, least), umax: min(range.umax, most) });
  const sign = S32_MAX + 1n;
  return settle({ ...range, bits: (range.bits & ~sign) | (least & sign), mask: range.mask & ~sign });
}

/** What a way of a jump tells (reg_set_min_max). */
export function refineRange(name: string, taken: boolean, range: Range, number: bigint): Range {
  const signed = BigInt.asIntN(64, number);
  const { umin, umax, smin, smax } = range;
  switch (taken ? name : (NEGATED[name] ?? '')) {
    case 'jeq':
      return single(number);
    case 'jne':
      return number === 0n && umin === 0n ? settle({ ...range, umin: 1n }) : range;
    case 'jgt':
      return settle({ ...range, umin: max(umin, number + 1n) });
    case 'jge':
      return settle({ ...range, umin: max(umin, number) });
    case 'jlt':
      return settle({ ...range, umax: min(umax, number - 1n) });
    case 'jle':
      return settle({ ...range, umax: min(umax, number) });
    case 'jsgt':
      return settle({ ...range, smin: max(smin, signed + 1n) });
    case 'jsge':
      return settle({ ...range, smin: max(smin, signed) });
    case 'jslt':
      return settle({ ...range, smax: min(smax, signed - 1n) });
    case 'jsle':
      return settle({ ...range, smax: min(smax, signed) });
    case 'jclear':
      return settle({ ...range, bits: range.bits & ~number, mask: range.mask & ~number });
    default:
      return range;
  }
}
