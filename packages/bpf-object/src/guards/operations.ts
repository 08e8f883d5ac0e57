/**
 * Arithmetic and comparison of BPF instructions (RFC 9669, sections 4.1 and 4.3) over unsigned 64-bit values, as the verifier computes
 * them on constants (kernel/bpf/verifier.c, adjust_scalar_min_max_vals and is_branch_taken).
 */

/** Operations by the upper four bits of an arithmetic instruction's code. */
const ARITHMETIC = ['add', 'sub', 'mul', 'div', 'or', 'and', 'lsh', 'rsh', 'neg', 'mod', 'xor', 'mov', 'arsh'] as const;
/** Comparisons by the upper four bits of a jump's code; the gaps are no comparisons. */
const COMPARISON = [
  '',
  'jeq',
  'jgt',
  'jge',
  'jset',
  'jne',
  'jsgt',
  'jsge',
  '',
  '',
  'jlt',
  'jle',
  'jslt',
  'jsle',
] as const;

const U32 = 0xffff_ffffn;

/** Name of the arithmetic operation, with its width: `add64`; undefined for byte swaps and codes that are none. */
export function arithmeticName(code: number, width: 32 | 64): string | undefined {
  const name = ARITHMETIC[code >> 4];
  return name === undefined ? undefined : `${name}${width}`;
}

/** Name of the comparison, with its width: `jeq32`; undefined for codes that are none. */
export function comparisonName(code: number, width: 32 | 64): string | undefined {
  const name = COMPARISON[code >> 4];
  return name === undefined || name === '' ? undefined : `${name}${width}`;
}

type Binary = (a: bigint, b: bigint, width: 32 | 64) => bigint;

const ARITHMETIC_RULES: ReadonlyMap<string, Binary> = new Map<string, Binary>([
  ['add', (a, b) => a + b],
  ['sub', (a, b) => a - b],
  ['mul', (a, b) => a * b],
  // Division by zero gives 0, a remainder by zero leaves the dividend.
  ['div', (a, b) => (b === 0n ? 0n : a / b)],
  ['mod', (a, b) => (b === 0n ? a : a % b)],
  ['sdiv', (a, b, width) => (b === 0n ? 0n : signed(a, width) / signed(b, width))],
  ['smod', (a, b, width) => (b === 0n ? a : signed(a, width) % signed(b, width))],
  ['or', (a, b) => a | b],
  ['and', (a, b) => a & b],
  ['xor', (a, b) => a ^ b],
  ['lsh', (a, b, width) => a << (b & BigInt(width - 1))],
  ['rsh', (a, b, width) => a >> (b & BigInt(width - 1))],
  ['arsh', (a, b, width) => signed(a, width) >> (b & BigInt(width - 1))],
  ['neg', (a) => -a],
  ['mov', (_, b) => b],
]);

type Predicate = (a: bigint, b: bigint, width: 32 | 64) => boolean;

const COMPARISON_RULES: ReadonlyMap<string, Predicate> = new Map<string, Predicate>([
  ['jeq', (a, b) => a === b],
  ['jne', (a, b) => a !== b],
  ['jgt', (a, b) => a > b],
  ['jge', (a, b) => a >= b],
  ['jlt', (a, b) => a < b],
  ['jle', (a, b) => a <= b],
  ['jset', (a, b) => (a & b) !== 0n],
  ['jsgt', (a, b, width) => signed(a, width) > signed(b, width)],
  ['jsge', (a, b, width) => signed(a, width) >= signed(b, width)],
  ['jslt', (a, b, width) => signed(a, width) < signed(b, width)],
  ['jsle', (a, b, width) => signed(a, width) <= signed(b, width)],
]);

/** A name and its width, for example `add` and 64. */
export interface NameParts {
  readonly name: string;
  readonly width: number;
}

const NO_PARTS: NameParts = { name: '', width: 64 };
const NAME = /^([a-z]+)(8|16|32|64)$/;
/** There are few names; taking them apart again and again would be most of the work. */
const parts = new Map<string, NameParts>();

/** Takes a name apart; `name` is empty for one that cannot be. */
export function splitName(op: string): NameParts {
  const known = parts.get(op);
  if (known !== undefined) return known;
  const found = NAME.exec(op);
  if (found === null) return NO_PARTS;
  const made: NameParts = { name: found[1] ?? '', width: Number(found[2]) };
  // Names also come from documents.
  if (parts.size < 256) parts.set(op, made);
  return made;
}

/** Sign extensions and byte swaps have one operand: bits that count, then what is done with them. */
const UNARY: ReadonlySet<string> = new Set(['sext', 'swap', 'zext']);

function isWide(width: number): width is 32 | 64 {
  return width === 32 || width === 64;
}

/** Whether the name is one that {@link compute} knows. */
export function isArithmetic(name: string): boolean {
  const { name: base, width } = splitName(name);
  return UNARY.has(base) || (isWide(width) && ARITHMETIC_RULES.has(base));
}

/** Whether the name is one that {@link compare} knows. */
export function isComparison(name: string): boolean {
  const { name: base, width } = splitName(name);
  return isWide(width) && COMPARISON_RULES.has(base);
}

/** Result of an operation, unsigned 64-bit; undefined for a name that is none. `b` is unused by operations with one operand. */
export function compute(name: string, a: bigint, b: bigint = 0n): bigint | undefined {
  const { name: base, width } = splitName(name);
  if (UNARY.has(base)) return extend(base, width, a);
  if (!isWide(width)) return undefined;
  const rule = ARITHMETIC_RULES.get(base);
  return rule && BigInt.asUintN(width, rule(narrow(a, width), narrow(b, width), width));
}

/** Whether the jump is taken; undefined for a name that is none. */
export function compare(name: string, a: bigint, b: bigint): boolean | undefined {
  const { name: base, width } = splitName(name);
  if (!isWide(width)) return undefined;
  return COMPARISON_RULES.get(base)?.(narrow(a, width), narrow(b, width), width);
}

function extend(kind: string, bits: number, value: bigint): bigint {
  const low = BigInt.asUintN(bits, value);
  if (kind === 'zext') return low;
  if (kind === 'sext') return BigInt.asUintN(64, BigInt.asIntN(bits, low));
  let swapped = 0n;
  for (let shift = 0; shift < bits; shift += 8) swapped = (swapped << 8n) | ((low >> BigInt(shift)) & 0xffn);
  return swapped;
}

function narrow(value: bigint, width: 32 | 64): bigint {
  return width === 32 ? value & U32 : value;
}

function signed(value: bigint, width: 32 | 64): bigint {
  return BigInt.asIntN(width, value);
}

/** Comparisons by those that hold where they do not. */
export const NEGATED: Readonly<Record<string, string>> = {
  jeq: 'jne',
  jne: 'jeq',
  jgt: 'jle',
  jge: 'jlt',
  jlt: 'jge',
  jle: 'jgt',
  jsgt: 'jsle',
  jsge: 'jslt',
  jslt: 'jsge',
  jsle: 'jsgt',
  jset: 'jclear',
};
