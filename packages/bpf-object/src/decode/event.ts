import type { Btf } from '../btf/btf.ts';
import type { BtfEnum } from '../btf/btf-type.ts';
import { BpfObjectError } from '../errors.ts';
import type { Formatting } from './formatting.ts';

/** The bytes in which events lie, ready to be read. */
export interface EventView {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** One more than the last byte of the event. */
  end: number;
  /** For times: nanoseconds to add, so that they count from 1970 on; 0 where that is not known. */
  clocks?: ClockOffsets;
}

/** How far the kernel's clocks are behind that of the wall, in nanoseconds. */
export interface ClockOffsets {
  monotonic: bigint;
  boottime: bigint;
}

/** Reads one value at a byte offset. The caller has checked that its bytes are there. */
export type Read = (event: EventView, offset: number) => unknown;

/** How a type is read. */
export interface Reader {
  read: Read;
  /** In bytes. */
  size: number;
  /** Number of values that one read gives: bounds the work of hostile types. */
  cost: number;
  /** For the last field of an event, which may have been cut short: reads what is there of it. */
  readShort?: Read;
}

/** A compilation under way: each type is compiled once, however often it occurs. */
export interface Compilation {
  btf: Btf;
  done: Map<number, Reader>;
  formatting: Formatting;
  /** Compiles a type into functions that read it. @param path - of the field that has it, e.g. `tuple.saddr`. */
  readonly compile: (id: number, depth: number, path: string) => Reader;
}

/** The error for types that cannot stand in an event. */
export function notDecodable(what: string): BpfObjectError {
  return new BpfObjectError('ERR_TYPE_NOT_DECODABLE', `${what} cannot be decoded`, {
    hint: 'Send events as a struct of integers, char arrays, enums and structs of these.',
  });
}

/** The names of an enumeration's values; where two names share a value, the first. */
export function enumNames(type: BtfEnum): Map<number | bigint, string> {
  return new Map(type.values.map(({ name, value }) => [value, name] as const).toReversed());
}
