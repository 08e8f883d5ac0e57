import { NEGATED } from '../guards/operations.ts';
import { type Bounds, intersect, max, min, onlyNumber, settle, U32, U64 } from './bounds.ts';

type Width = 32 | 64;

/** Bounds of one width. */
interface View {
  umin: bigint;
  umax: bigint;
  smin: bigint;
  smax: bigint;
  bits: bigint;
  mask: bigint;
}

function view(bounds: Bounds, width: Width): View {
  if (width === 64) return bounds;
  const { umin32: umin, umax32: umax, smin32: smin, smax32: smax, bits, mask } = bounds;
  return { umin, umax, smin, smax, bits: bits & U32, mask: mask & U32 };
}

/** Whether a jump is taken, as far as bounds tell (is_scalar_branch_taken); `name` has no width. */
export function decideBounds(name: string, a: Bounds, b: Bounds, width: Width): boolean | undefined {
  const [left, right] = [view(a, width), view(b, width)];
  switch (name) {
    case 'jeq':
      return decideEqual(left, right);
    case 'jne': {
      const equal = decideEqual(left, right);
      return equal === undefined ? undefined : !equal;
    }
    case 'jset':
      if ((left.bits & right.bits) !== 0n) return true;
      return ((left.bits | left.mask) & (right.bits | right.mask)) === 0n ? false : undefined;
    case 'jgt':
      return decideOrder(left.umin > right.umax, left.umax <= right.umin);
    case 'jge':
      return decideOrder(left.umin >= right.umax, left.umax < right.umin);
    case 'jlt':
      return decideOrder(left.umax < right.umin, left.umin >= right.umax);
    case 'jle':
      return decideOrder(left.umax <= right.umin, left.umin > right.umax);
    case 'jsgt':
      return decideOrder(left.smin > right.smax, left.smax <= right.smin);
    case 'jsge':
      return decideOrder(left.smin >= right.smax, left.smax < right.smin);
    case 'jslt':
      return decideOrder(left.smax < right.smin, left.smin >= right.smax);
    case 'jsle':
      return decideOrder(left.smax <= right.smin, left.smin > right.smax);
    default:
      return undefined;
  }
}

function decideOrder(yes: boolean, no: boolean): boolean | undefined {
  return yes ? true : no ? false : undefined;
}

function decideEqual(a: View, b: View): boolean | undefined {
  if (a.umin > b.umax || a.umax < b.umin || a.smin > b.smax || a.smax < b.smin) return false;
  if (((a.bits ^ b.bits) & ~a.mask & ~b.mask & U64) !== 0n) return false;
  return a.umin === a.umax && b.umin === b.umax && a.umin === b.umin ? true : undefined;
}

/**
 * What one way of a jump tells of both sides (regs_refine_cond_op).
 *
 * @returns undefined where the way cannot be taken.
 */
export function refineBounds(
  name: string,
  taken: boolean,
  a: Bounds,
  b: Bounds,
  width: Width,
): [Bounds, Bounds] | undefined {
  const [left, right] = [view(a, width), view(b, width)];
  switch (taken ? name : NEGATED[name]) {
    case 'jeq':
      return both(equalTo(a, b, width), equalTo(b, a, width));
    case 'jne':
      return both(unequal(a, right, width), unequal(b, left, width));
    case 'jgt':
      return both(set(a, { umin: right.umin + 1n }, width), set(b, { umax: left.umax - 1n }, width));
    case 'jge':
      return both(set(a, { umin: right.umin }, width), set(b, { umax: left.umax }, width));
    case 'jlt':
      return both(set(a, { umax: right.umax - 1n }, width), set(b, { umin: left.umin + 1n }, width));
    case 'jle':
      return both(set(a, { umax: right.umax }, width), set(b, { umin: left.umin }, width));
    case 'jsgt':
      return both(set(a, { smin: right.smin + 1n }, width), set(b, { smax: left.smax - 1n }, width));
    case 'jsge':
      return both(set(a, { smin: right.smin }, width), set(b, { smax: left.smax }, width));
    case 'jslt':
      return both(set(a, { smax: right.smax - 1n }, width), set(b, { smin: left.smin + 1n }, width));
    case 'jsle':
      return both(set(a, { smax: right.smax }, width), set(b, { smin: left.smin }, width));
    case 'jset':
      return both(bitsSet(a, onlyNumber(b), width), b);
    case 'jclear':
      return both(bitsClear(a, onlyNumber(b), width), b);
    default:
      return [a, b];
  }
}

function both(a: Bounds | undefined, b: Bounds | undefined): [Bounds, Bounds] | undefined {
  return a && b ? [a, b] : undefined;
}

type Ends = Partial<Pick<View, 'umin' | 'umax' | 'smin' | 'smax'>>;

/** Adds bounds of one width. */
function set(bounds: Bounds, { umin, umax, smin, smax }: Ends, width: Width): Bounds | undefined {
  const next = { ...bounds };
  if (width === 64) {
    if (umin !== undefined) next.umin = max(next.umin, umin);
    if (umax !== undefined) next.umax = min(next.umax, umax);
    if (smin !== undefined) next.smin = max(next.smin, smin);
    if (smax !== undefined) next.smax = min(next.smax, smax);
  } else {
    if (umin !== undefined) next.umin32 = max(next.umin32, umin);
    if (umax !== undefined) next.umax32 = min(next.umax32, umax);
    if (smin !== undefined) next.smin32 = max(next.smin32, smin);
    if (smax !== undefined) next.smax32 = min(next.smax32, smax);
  }
  return settle(next);
}

function equalTo(bounds: Bounds, other: Bounds, width: Width): Bounds | undefined {
  if (width === 64) return intersect(bounds, other);
  const { umin32, umax32, smin32, smax32 } = other;
  const known = set(bounds, { umin: umin32, umax: umax32, smin: smin32, smax: smax32 }, 32);
  const [bits, mask] = [other.bits & U32, (other.mask & U32) | (U32 << 32n)];
  if (known === undefined || ((known.bits ^ bits) & ~known.mask & ~mask & U64) !== 0n) return undefined;
  return settle({ ...known, bits: (known.bits | bits) & ~(known.mask & mask), mask: known.mask & mask });
}

function unequal(bounds: Bounds, { umin, umax }: View, width: Width): Bounds | undefined {
  if (umin !== umax) return bounds;
  const own = view(bounds, width);
  const signed = BigInt.asIntN(width, umin);
  return set(
    bounds,
    {
      umin: own.umin === umin ? umin + 1n : own.umin,
      umax: own.umax === umin ? umin - 1n : own.umax,
      smin: own.smin === signed ? signed + 1n : own.smin,
      smax: own.smax === signed ? signed - 1n : own.smax,
    },
    width,
  );
}

function bitsSet(bounds: Bounds, number: bigint | undefined, width: Width): Bounds | undefined {
  const bit = number === undefined ? 0n : width === 32 ? number & U32 : number;
  if (bit === 0n || (bit & (bit - 1n)) !== 0n) return bounds;
  return settle({ ...bounds, bits: bounds.bits | bit, mask: bounds.mask & ~bit });
}

function bitsClear(bounds: Bounds, number: bigint | undefined, width: Width): Bounds | undefined {
  const bits = number === undefined ? 0n : width === 32 ? number & U32 : number;
  if ((bounds.bits & bits) !== 0n) return undefined;
  return settle({ ...bounds, mask: bounds.mask & ~bits });
}
