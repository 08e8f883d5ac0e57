import type { Btf } from '../btf/btf.ts';

/** A type in some BTF. */
export interface TypeOf {
  readonly btf: Btf;
  /** Id. */
  readonly type: number;
}

/** One step of a conversion; positions are from the start of the old and of the new bytes. What no step writes is zero. */
export type ConversionStep =
  /** Positions and size in bytes. */
  | { kind: 'bytes'; from: number; to: number; size: number }
  /** An integer of another size, in bytes. What the new one cannot hold does not fit. */
  | { kind: 'number'; from: number; fromSize: number; to: number; toSize: number; signed: boolean; toSigned: boolean }
  /** A bit-field; positions and size in bits, counted from the lowest bit of the first byte. */
  | { kind: 'bits'; from: number; to: number; size: number }
  /** What has no place in the new bytes and therefore must be zero; in bytes. */
  | { kind: 'zero'; from: number; size: number };

/** How bytes of one type become those of another one, field by field. */
export interface Conversion {
  steps: ConversionStep[];
  /** What is different, a line for each field; none where the types mean the same. */
  changes: string[];
  /** Why it cannot be done; none where it can. */
  obstacles: string[];
}

/** How a conversion is planned. */
export interface PlanOptions {
  /** What the type is of, for messages, e.g. `value`. */
  path: string;
  /** Whether numbers may become smaller and arrays shorter, as far as the values allow it. Default false. */
  narrow?: boolean;
  /** Whether every old field must have a place in the new type, as in keys, which would otherwise coincide. Default false. */
  complete?: boolean;
}
