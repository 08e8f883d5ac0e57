import type { Value } from '../guards/value.ts';
import { type Bounds, boundsKey, exactly, onlyNumber, UNBOUNDED } from './bounds.ts';

/** Memory of a known size. */
export interface Region {
  what: 'map-value' | 'memory' | 'stack';
  /** First and last place that may be touched, in bytes; the stack lies below 0. */
  start: number;
  end: number;
  /** Map of the value, where it is one of global data. */
  map?: string;
  /** Depth of the stack's frame. */
  frame?: number;
}

/** What is known of a register or of a place on the stack, for following accesses. */
export type AccessValue =
  /** Anything: nothing is ever claimed of it. */
  | { kind: 'any' }
  /** A number without any bound, or a pointer into memory of the kernel that holds neither constants nor the program's stack. */
  | { kind: 'foreign'; id?: number }
  /** The same, or null. */
  | { kind: 'maybe' }
  /** Numbers with one `id` differ by `delta`; `half`: in their lower halves. `not`: what it is not, with the width of the comparison. */
  | { kind: 'number'; bounds: Bounds; id?: number; delta?: bigint; half?: true; not?: readonly string[] }
  /** Known as soon as the kernel is. */
  | { kind: 'kernel'; value: Value & { kind: 'symbolic' } }
  /**
   * `moved`: what was added that is no constant. `nullable`: it may be null, together with all of this number; `found`: some verifiers know that
   * it is not.
   */
  | { kind: 'pointer'; region: Region; offset: number; moved?: Bounds; nullable?: number; found?: true }
  /** `range`: bytes from where offsets begin that are known to be in the packet; equal `id`s begin at one place. */
  | { kind: 'packet'; id: number; offset: number; range: number; moved?: Bounds }
  | { kind: 'packet-end' }
  | { kind: 'context'; offset: number }
  | { kind: 'option'; name: string; offset: number }
  | { kind: 'map'; map: string }
  | { kind: 'function'; index: number };

export const ANY: AccessValue = { kind: 'any' };
export const FOREIGN: AccessValue = { kind: 'foreign' };
export const MAYBE: AccessValue = { kind: 'maybe' };
/** A number without bounds. */
export const NUMBER: AccessValue = { kind: 'number', bounds: UNBOUNDED };

export function constant(value: bigint): AccessValue {
  return { kind: 'number', bounds: exactly(value) };
}

export function number(bounds: Bounds): AccessValue {
  return { kind: 'number', bounds };
}

export function stackRegion(frame: number): Region {
  return { what: 'stack', start: -512, end: 0, frame };
}

/** The only number that a value can be. */
export function constantOf(value: AccessValue): bigint | undefined {
  return value.kind === 'number' ? onlyNumber(value.bounds) : undefined;
}

/** Bounds of a value that can be no pointer, or that no verifier lets pass as a number where it is one. */
export function boundsOf(value: AccessValue): Bounds | undefined {
  if (value.kind === 'number') return value.bounds;
  return value.kind === 'foreign' ? UNBOUNDED : undefined;
}

/** Equal for equal values; `idOf` numbers what is linked, '' where nothing else has the same. */
export function valueKey(value: AccessValue, idOf: (id: number) => string): string {
  switch (value.kind) {
    case 'number': {
      const link = value.id === undefined ? '' : idOf(value.id);
      const key = boundsKey(value.bounds) + (value.not ? `!${value.not.join('!')}` : '');
      return link === '' ? key : `${key}#${link}+${value.delta ?? 0n}${value.half ? 'h' : ''}`;
    }
    case 'pointer': {
      const { region, offset, moved, nullable } = value;
      const place = `${region.what}${region.map ?? ''}${region.frame ?? ''}/${region.end}`;
      return `p${place}+${offset}${moved ? boundsKey(moved) : ''}${nullable === undefined ? '' : `?${idOf(nullable)}`}`;
    }
    case 'packet':
      return `P${value.id === 0 ? '' : idOf(value.id)}+${value.offset}/${value.range}${value.moved ? boundsKey(value.moved) : ''}`;
    case 'foreign':
      return `f${value.id === undefined ? '' : idOf(value.id)}`;
    case 'kernel':
      return value.value.key;
    case 'context':
      return `c${value.offset}`;
    case 'option':
      return `o${value.name}+${value.offset}`;
    case 'map':
      return `m${value.map}`;
    case 'function':
      return `@${value.index}`;
    default:
      return value.kind;
  }
}

/** The id by which a value is linked to others. */
export function linkOf(value: AccessValue): number | undefined {
  if (value.kind === 'number' || value.kind === 'foreign') return value.id;
  if (value.kind === 'packet') return value.id === 0 ? undefined : value.id;
  return value.kind === 'pointer' ? value.nullable : undefined;
}
