/** Bits of the number types; a leading `s` is signed. */
const NUMBER_BITS = { u8: 8, u16: 16, u32: 32, u64: 64, s8: 8, s16: 16, s32: 32, s64: 64 } as const;

/** Type of a load parameter, as it lies in memory. */
export type ParameterType = 'bool' | 'text' | keyof typeof NUMBER_BITS;

/** A value of a load parameter. Numbers beyond 2^53 are strings of decimal digits. */
export type ParameterValue = boolean | number | string;

/** A typed global constant of the service, which may be set when it is loaded (spec/btf-index.md, "Parameter"). */
export interface ServiceParameter {
  /** Of the variable. */
  name: string;
  type: ParameterType;
  /** Of a text: bytes of the variable, with the 0 that ends it. */
  size?: number;
  /** What the objects hold. */
  default: ParameterValue;
  description?: string;
}

/** Longest text, in bytes. */
export const MAX_PARAMETER_TEXT = 4096;

/** The numbers that a type holds; undefined for bool and text. */
export function parameterRange(type: ParameterType): { min: bigint; max: bigint } | undefined {
  if (type === 'bool' || type === 'text') return undefined;
  const bits = BigInt(NUMBER_BITS[type]);
  return type.startsWith('s')
    ? { min: -(1n << (bits - 1n)), max: (1n << (bits - 1n)) - 1n }
    : { min: 0n, max: (1n << bits) - 1n };
}

/** Whether the parameter can hold the value, written in its one form. */
export function isParameterValue(
  { type, size = 0 }: Pick<ServiceParameter, 'type' | 'size'>,
  value: ParameterValue,
): boolean {
  if (type === 'bool') return typeof value === 'boolean';
  if (type === 'text') {
    return typeof value === 'string' && !value.includes('\0') && new TextEncoder().encode(value).length < size;
  }
  const isNumber = typeof value === 'number' && Number.isSafeInteger(value) && !Object.is(value, -0);
  const isLarge = typeof value === 'string' && /^-?[1-9]\d{15,19}$/.test(value) && !Number.isSafeInteger(Number(value));
  const range = parameterRange(type);
  if (range === undefined || (!isNumber && !isLarge)) return false;
  const number = BigInt(value);
  return number >= range.min && number <= range.max;
}
