import type { BpfFunction, BpfMap, BpfObject } from '../object/bpf-object.ts';
import { INSTRUCTION_SIZE } from '../object/instruction.ts';
import { successors } from '../requirements/function-features.ts';
import { relevantRegisters } from './relevance.ts';
import { findStackUse, type StackUse } from './stack-use.ts';

/** A function with what the exploration looks up again and again. */
export interface FunctionImage {
  entry: BpfFunction;
  /** Index of an instruction → index of its CO-RE relocation in `entry.relocations`. */
  relocations: ReadonlyMap<number, number>;
  /** Instructions where paths may meet. */
  joins: Uint8Array;
  /** Registers worth remembering, by instruction. */
  relevant: Uint16Array;
  stackUse: StackUse;
}

/** An object as the exploration sees it; functions are prepared at first use. */
export class ProgramImage {
  readonly object: BpfObject;
  readonly maps: ReadonlyMap<string, BpfMap>;
  readonly returnsOf: number | undefined;
  readonly #functions: Map<number, FunctionImage> = new Map();

  /** `returnsOf`: the function whose result is asked for. Default: none. */
  constructor(object: BpfObject, returnsOf?: number) {
    this.object = object;
    this.returnsOf = returnsOf;
    this.maps = new Map(object.maps.map((map) => [map.name, map]));
  }

  /** The function of that index; undefined where there is none. */
  function(index: number): FunctionImage | undefined {
    const ready = this.#functions.get(index);
    const entry = this.object.functions[index];
    if (ready !== undefined || entry === undefined) return ready;
    const image = prepared(entry, index === this.returnsOf);
    this.#functions.set(index, image);
    return image;
  }

  /** Bytes of read-only global data; undefined for other maps, and beyond the end. */
  constant(map: string, offset: number, size: number): bigint | undefined {
    const { data } = this.maps.get(map) ?? {};
    if (data === undefined || offset < 0 || offset + size > data.length) return undefined;
    const bytes = data.subarray(offset, offset + size);
    const ordered = this.object.littleEndian ? [...bytes].toReversed() : [...bytes];
    return ordered.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
  }
}

/** Programs share functions, and each is explored several times. */
const images = {
  plain: new WeakMap<BpfFunction, FunctionImage>(),
  returning: new WeakMap<BpfFunction, FunctionImage>(),
};

function prepared(entry: BpfFunction, returns: boolean): FunctionImage {
  const known = returns ? images.returning : images.plain;
  let image = known.get(entry);
  if (image === undefined) known.set(entry, (image = prepare(entry, returns)));
  return image;
}

function prepare(entry: BpfFunction, returns: boolean): FunctionImage {
  const { instructions } = entry;
  const meets = new Uint8Array(instructions.length);
  const joins = new Uint8Array(instructions.length);
  for (const [at, { code }] of instructions.entries()) {
    // The second half of a 64-bit immediate is no instruction.
    if (code === 0) continue;
    for (const target of successors(instructions, at)) {
      if (target >= instructions.length) continue;
      // A place that two ways lead to; an earlier place closes a loop.
      if (meets[target] === 1 || target <= at) joins[target] = 1;
      meets[target] = 1;
    }
  }
  const relocations = entry.relocations.map(({ offset }, index): [number, number] => [
    (offset - entry.offset) / INSTRUCTION_SIZE,
    index,
  ]);
  return {
    entry,
    relocations: new Map(relocations),
    joins,
    relevant: relevantRegisters(entry, returns || entry.section === '.text'),
    stackUse: findStackUse(entry),
  };
}
