/**
 * What the ablest verifier knows of a number (kernel/bpf/verifier.c, struct bpf_reg_state; kernel/bpf/tnum.c): bounds of the whole and of
 * its lower half, and bits. Wherever verifiers differ this knows at least as much, so that nothing is called unbounded that one can bound.
 */
export interface Bounds {
  umin: bigint;
  umax: bigint;
  smin: bigint;
  smax: bigint;
  /** Of the lower 32 bits. */
  umin32: bigint;
  umax32: bigint;
  smin32: bigint;
  smax32: bigint;
  /** Bits that are known, and which are not (set in `mask`). */
  bits: bigint;
  mask: bigint;
}

export const U64 = 0xffff_ffff_ffff_ffffn;
export const U32 = 0xffff_ffffn;
export const S64_MIN: bigint = -(1n << 63n);
export const S64_MAX: bigint = (1n << 63n) - 1n;
export const S32_MIN = -0x8000_0000n;
export const S32_MAX = 0x7fff_ffffn;

/** Any number. */
export const UNBOUNDED: Bounds = {
  umin: 0n,
  umax: U64,
  smin: S64_MIN,
  smax: S64_MAX,
  umin32: 0n,
  umax32: U32,
  smin32: S32_MIN,
  smax32: S32_MAX,
  bits: 0n,
  mask: U64,
};

/** A single number. */
export function exactly(number: bigint): Bounds {
  const value = BigInt.asUintN(64, number);
  const [signed, low, signedLow] = [BigInt.asIntN(64, value), value & U32, BigInt.asIntN(32, value)];
  return {
    umin: value,
    umax: value,
    smin: signed,
    smax: signed,
    umin32: low,
    umax32: low,
    smin32: signedLow,
    smax32: signedLow,
    bits: value,
    mask: 0n,
  };
}

/** Whatever satisfies the given bounds; the bounds must be ones that a number can satisfy. */
export function within(bounds: Partial<Bounds>): Bounds {
  return settle({ ...UNBOUNDED, ...bounds }) ?? UNBOUNDED;
}

/** What `bits` bits hold. */
export function ofBits(bits: number): Bounds {
  return bits >= 64 ? UNBOUNDED : within({ umax: (1n << BigInt(bits)) - 1n });
}

/** The only number that it can be. */
export function onlyNumber({ bits, mask }: Bounds): bigint | undefined {
  return mask === 0n ? bits : undefined;
}

const keys = new WeakMap<Bounds, string>();

/** Equal for equal bounds, which must not be changed any more. */
export function boundsKey(bounds: Bounds): string {
  let key = keys.get(bounds);
  if (key === undefined) keys.set(bounds, (key = makeKey(bounds)));
  return key;
}

function makeKey(bounds: Bounds): string {
  if (bounds === UNBOUNDED) return 'U';
  const { umin, umax, smin, smax, umin32, umax32, smin32, smax32, bits, mask } = bounds;
  if (mask === 0n) return `=${bits}`;
  return `${umin},${umax},${smin},${smax},${umin32},${umax32},${smin32},${smax32},${bits},${mask}`;
}

/** What both say; undefined where no number satisfies both. */
export function intersect(a: Bounds, b: Bounds): Bounds | undefined {
  if (((a.bits ^ b.bits) & ~a.mask & ~b.mask & U64) !== 0n) return undefined;
  return settle({
    umin: max(a.umin, b.umin),
    umax: min(a.umax, b.umax),
    smin: max(a.smin, b.smin),
    smax: min(a.smax, b.smax),
    umin32: max(a.umin32, b.umin32),
    umax32: min(a.umax32, b.umax32),
    smin32: max(a.smin32, b.smin32),
    smax32: min(a.smax32, b.smax32),
    bits: a.bits | b.bits,
    mask: a.mask & b.mask,
  });
}

export function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

export function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

/**
 * Lets each kind of knowledge add to the others (reg_bounds_sync), until nothing is added.
 *
 * @returns undefined where they contradict each other: no number is like that.
 */
export function settle(given: Bounds): Bounds | undefined {
  const bounds = { ...given };
  for (let round = 0; round < 4; round++) {
    const before = { ...bounds };
    fromBits(bounds);
    fromSigns(bounds);
    halfFromWhole(bounds);
    wholeFromHalf(bounds);
    fromSigns(bounds);
    if (!isPossible(bounds) || !toBits(bounds)) return undefined;
    if (isSame(before, bounds)) break;
  }
  return isPossible(bounds) ? bounds : undefined;
}

function isPossible({ umin, umax, smin, smax, umin32, umax32, smin32, smax32 }: Bounds): boolean {
  return umin <= umax && smin <= smax && umin32 <= umax32 && smin32 <= smax32;
}

function isSame(a: Bounds, b: Bounds): boolean {
  return (
    a.umin === b.umin &&
    a.umax === b.umax &&
    a.smin === b.smin &&
    a.smax === b.smax &&
    a.umin32 === b.umin32 &&
    a.umax32 === b.umax32 &&
    a.smin32 === b.smin32 &&
    a.smax32 === b.smax32 &&
    a.bits === b.bits &&
    a.mask === b.mask
  );
}

/** __update_reg_bounds */
function fromBits(bounds: Bounds): void {
  const { bits, mask } = bounds;
  const sign = 1n << 63n;
  bounds.umin = max(bounds.umin, bits);
  bounds.umax = min(bounds.umax, bits | mask);
  bounds.smin = max(bounds.smin, BigInt.asIntN(64, bits | (mask & sign)));
  bounds.smax = min(bounds.smax, BigInt.asIntN(64, bits | (mask & ~sign)));
  const [low, open] = [bits & U32, mask & U32];
  const sign32 = 1n << 31n;
  bounds.umin32 = max(bounds.umin32, low);
  bounds.umax32 = min(bounds.umax32, low | open);
  bounds.smin32 = max(bounds.smin32, BigInt.asIntN(32, low | (open & sign32)));
  bounds.smax32 = min(bounds.smax32, BigInt.asIntN(32, low | (open & ~sign32)));
}

/** __reg64_deduce_bounds and __reg32_deduce_bounds, as far as they go between signed and unsigned. */
function fromSigns(bounds: Bounds): void {
  const whole = between(bounds.umin, bounds.umax, bounds.smin, bounds.smax, 64);
  [bounds.umin, bounds.umax, bounds.smin, bounds.smax] = whole;
  const half = between(bounds.umin32, bounds.umax32, bounds.smin32, bounds.smax32, 32);
  [bounds.umin32, bounds.umax32, bounds.smin32, bounds.smax32] = half;
}

type Four = [umin: bigint, umax: bigint, smin: bigint, smax: bigint];

function between(umin: bigint, umax: bigint, smin: bigint, smax: bigint, width: 32 | 64): Four {
  const signed = (value: bigint): bigint => BigInt.asIntN(width, value);
  const unsigned = (value: bigint): bigint => BigInt.asUintN(width, value);
  if (signed(umin) <= signed(umax)) [smin, smax] = [max(smin, signed(umin)), min(smax, signed(umax))];
  if (smin > smax) return [umin, umax, smin, smax];
  if (unsigned(smin) <= unsigned(smax)) {
    [umin, umax] = [max(umin, unsigned(smin)), min(umax, unsigned(smax))];
  } else if (umax < unsigned(smin)) {
    // All of it is on the side of the numbers that are not negative.
    [smin, umax] = [max(smin, signed(umin)), min(umax, unsigned(smax))];
  } else if (unsigned(smax) < umin) {
    [smax, umin] = [min(smax, signed(umax)), max(umin, unsigned(smin))];
  }
  return [umin, umax, smin, smax];
}

/** The lower half, where the upper one is known or steps over one border only (__reg32_deduce_bounds). */
function halfFromWhole(bounds: Bounds): void {
  for (const [low, high] of [
    [bounds.umin, bounds.umax],
    [bounds.smin, bounds.smax],
  ] as const) {
    const [from, to] = [BigInt.asUintN(32, low), BigInt.asUintN(32, high)];
    const [signedFrom, signedTo] = [BigInt.asIntN(32, low), BigInt.asIntN(32, high)];
    const steps = (high >> 32n) - (low >> 32n);
    if (steps === 0n) {
      bounds.umin32 = max(bounds.umin32, from);
      bounds.umax32 = min(bounds.umax32, to);
    }
    if ((steps === 0n && signedFrom <= signedTo) || (steps === 1n && signedFrom < 0n && signedTo >= 0n)) {
      bounds.smin32 = max(bounds.smin32, signedFrom);
      bounds.smax32 = min(bounds.smax32, signedTo);
    }
  }
}

/** The next numbers inwards whose lower half is within its bounds (__reg_deduce_mixed_bounds). */
function wholeFromHalf(bounds: Bounds): void {
  const { umin32, umax32 } = bounds;
  if (umin32 > umax32) return;
  const up = (value: bigint): bigint => {
    const [low, rest] = [value & U32, value - (value & U32)];
    if (low < umin32) return rest + umin32;
    return low > umax32 ? rest + (1n << 32n) + umin32 : value;
  };
  const down = (value: bigint): bigint => {
    const [low, rest] = [value & U32, value - (value & U32)];
    if (low > umax32) return rest + umax32;
    return low < umin32 ? rest - (1n << 32n) + umax32 : value;
  };
  bounds.umin = up(bounds.umin);
  bounds.umax = down(bounds.umax);
  bounds.smin = up(bounds.smin);
  bounds.smax = down(bounds.smax);
  if (bounds.smin32 >= 0n || bounds.smin < S32_MIN || bounds.smax > S32_MAX) return;
  bounds.smin = max(bounds.smin, bounds.smin32);
  bounds.smax = min(bounds.smax, bounds.smax32);
}

/** __reg_bound_offset. Whether the bits can be so. */
function toBits(bounds: Bounds): boolean {
  return (
    agree(bounds, commonBits(bounds.umin, bounds.umax)) &&
    agree(bounds, { ...addUpper(commonBits(bounds.umin32, bounds.umax32)) })
  );
}

interface Bits {
  bits: bigint;
  mask: bigint;
}

function addUpper({ bits, mask }: Bits): Bits {
  return { bits: bits & U32, mask: (mask & U32) | (U32 << 32n) };
}

function agree(bounds: Bounds, { bits, mask }: Bits): boolean {
  if (((bounds.bits ^ bits) & ~bounds.mask & ~mask & U64) !== 0n) return false;
  const both = bounds.mask & mask;
  bounds.bits = (bounds.bits | bits) & ~both;
  bounds.mask = both;
  return true;
}

/** tnum_range */
function commonBits(low: bigint, high: bigint): Bits {
  const differ = low ^ high;
  const mask = differ === 0n ? 0n : (1n << BigInt(differ.toString(2).length)) - 1n;
  return { bits: low & ~mask, mask };
}
