import { CLASS, CODE_CALL, CODE_EXIT, jumpTarget, type Instruction } from '../object/instruction.ts';
import { successors } from '../requirements/function-features.ts';
import { CALLBACK_HELPERS } from './helper-calls.ts';
import type { MachineState } from './machine-state.ts';
import type { ProgramImage } from './program-image.ts';
import type { ProgramSites } from './program-sites.ts';

/**
 * Where in a program there is something left to find. What the program comes to on every kernel counts whatever else leads there, so a state
 * from which no other site can be come to need not be followed.
 */
export class SitesLeft {
  /** By function: where its instructions begin among all. */
  readonly #starts: Map<number, number> = new Map();
  /** Sites that are not known to be come to on every kernel → instructions that hold them. */
  readonly #open: Map<string, number[]> = new Map();
  /** Instructions from which nobody knows where they lead. */
  readonly #leaps: number[] = [];
  /** Instructions that may come right before another: where their lists begin, and the lists. */
  readonly #begins: Int32Array;
  readonly #before: Int32Array;
  /** 1 = something that is left can be come to from there. */
  readonly #leads: Uint8Array;
  #isStale = true;
  #asked = 0;

  /** `functions`: all that the program may come to. */
  constructor(image: ProgramImage, sites: ProgramSites, functions: readonly number[]) {
    let count = 0;
    for (const index of functions) {
      if (this.#starts.has(index)) continue;
      this.#starts.set(index, count);
      count += image.function(index)?.entry.instructions.length ?? 0;
    }
    for (const [index, start] of this.#starts) {
      for (const [at, found] of sites.of(index)) for (const { key } of found) this.#add(key, start + at);
    }
    const edges = this.#findEdges(image);
    const ends = new Int32Array(count + 1);
    for (let edge = 1; edge < edges.length; edge += 2) ends[edges[edge] ?? 0] = (ends[edges[edge] ?? 0] ?? 0) + 1;
    for (let at = 1; at <= count; at++) ends[at] = (ends[at] ?? 0) + (ends[at - 1] ?? 0);
    this.#before = new Int32Array(edges.length / 2);
    // Filled from the end: what was an end becomes a beginning.
    for (let edge = 0; edge < edges.length; edge += 2) {
      const target = edges[edge + 1] ?? 0;
      const place = (ends[target] ?? 0) - 1;
      ends[target] = place;
      this.#before[place] = edges[edge] ?? 0;
    }
    this.#begins = ends;
    this.#leads = new Uint8Array(count);
  }

  #add(key: string, place: number): void {
    const places = this.#open.get(key);
    if (places) places.push(place);
    else this.#open.set(key, [place]);
  }

  /** From where to where, one after the other. */
  #findEdges(image: ProgramImage): number[] {
    const edges: number[] = [];
    const callbacks = this.#findCallbacks(image);
    for (const [index, start] of this.#starts) {
      const entry = image.function(index)?.entry;
      if (entry === undefined) continue;
      const { instructions, references } = entry;
      for (const [at, instruction] of instructions.entries()) {
        for (const target of successors(instructions, at)) {
          if (target >= 0 && target < instructions.length) edges.push(start + at, start + target);
        }
        const reference = references.get(at);
        if (leapsAnywhere(instruction, at)) this.#leaps.push(start + at);
        if (instruction.code !== CODE_CALL) continue;
        if (reference?.kind === 'call') {
          const callee = this.#starts.get(reference.index);
          if (callee === undefined) this.#leaps.push(start + at);
          else edges.push(start + at, callee);
        } else if (reference !== undefined || instruction.source !== 0 || CALLBACK_HELPERS.has(instruction.immediate)) {
          for (const callback of callbacks) edges.push(start + at, callback);
        }
      }
    }
    return edges;
  }

  #findCallbacks(image: ProgramImage): Set<number> {
    const callbacks = new Set<number>();
    for (const index of this.#starts.keys()) {
      for (const reference of image.function(index)?.entry.references.values() ?? []) {
        const start = reference.kind === 'callback' ? this.#starts.get(reference.index) : undefined;
        if (start !== undefined) callbacks.add(start);
      }
    }
    return callbacks;
  }

  /** A site is come to on every kernel. */
  settle(key: string): void {
    if (this.#open.delete(key)) this.#isStale = true;
  }

  /** No other sites can be come to at all. */
  keepOnly(keys: ReadonlySet<string>): void {
    for (const key of this.#open.keys()) if (!keys.has(key)) this.settle(key);
  }

  /** Whether a state, and all that follows from it, comes to nothing that is left. */
  isNothingAfter({ at, frames }: MachineState): boolean {
    this.#refresh();
    let place = at;
    for (let depth = frames.length - 1; depth >= 0; depth--) {
      const { function: index, caller, callback } = frames[depth] as MachineState['frames'][number];
      if (this.#leadsOn(index, place) || (callback !== undefined && this.#leadsOn(index, 0))) return false;
      place = caller?.at ?? 0;
    }
    return true;
  }

  #leadsOn(index: number, at: number): boolean {
    const start = this.#starts.get(index);
    return start === undefined || this.#leads[start + at] === 1;
  }

  /** Looks again where something is left, but not after every site that was settled. */
  #refresh(): void {
    if (!this.#isStale || (this.#open.size > 0 && this.#asked-- > 0)) return;
    this.#isStale = false;
    this.#asked = this.#leads.length >> 6;
    this.#leads.fill(0);
    const ways = [...this.#leaps, ...[...this.#open.values()].flat()];
    for (let at = ways.pop(); at !== undefined; at = ways.pop()) {
      if (this.#leads[at] === 1) continue;
      this.#leads[at] = 1;
      const end = this.#begins[at + 1] ?? 0;
      for (let edge = this.#begins[at] ?? 0; edge < end; edge++) ways.push(this.#before[edge] ?? 0);
    }
  }
}

/** A jump by a register, at which exploration is given up. */
function leapsAnywhere(instruction: Instruction, at: number): boolean {
  const kind = instruction.code & 7;
  if ((kind !== CLASS.jmp && kind !== CLASS.jmp32) || instruction.code === CODE_CALL) return false;
  return instruction.code !== CODE_EXIT && jumpTarget(instruction, at) === undefined;
}
