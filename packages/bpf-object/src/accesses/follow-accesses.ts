import { ProgramImage } from '../guards/program-image.ts';
import type { Effort } from '../guards/explore.ts';
import type { Parameters } from '../guards/program-guards.ts';
import { variable, type Variable } from '../guards/value.ts';
import type { BpfObject, BpfProgram } from '../object/bpf-object.ts';
import {
  CLASS,
  CODE_CALL,
  CODE_EXIT,
  CODE_JUMP,
  CODE_LONG_JUMP,
  jumpTarget,
  type Instruction,
} from '../object/instruction.ts';
import { call, leave } from './access-calls.ts';
import type { AccessContext, AccessedMemory, AccessFault } from './access-context.ts';
import { jumpBoth } from './access-jumps.ts';
import { accessStateKey, type AccessState, enter, type Literal } from './access-state.ts';
import { step } from './access-steps.ts';
import { ANY } from './access-value.ts';
import { liveRegisters } from './live-registers.ts';

/** An access that no verifier takes. */
export interface RefusedAccess {
  /** Index into the object's functions. */
  function: number;
  /** Index of the instruction in it. */
  at: number;
  memory: AccessedMemory;
  fault: AccessFault;
  /** What the kernel's values must say for the verifier to come there: one of these, all of its parts. */
  ways: readonly (readonly Literal[])[];
}

/** What to follow. */
export interface FollowOptions {
  object: BpfObject;
  program: BpfProgram;
  parameters: Parameters;
  /** What may be done for this program and others of the same object. */
  effort: Effort;
}

/** Instructions to execute before the rest is left alone: a few milliseconds. */
const MAX_STEPS = 1_200;
/** States of knowledge that are followed from one instruction. */
const MAX_STATES = 24;
/** Faults to collect where each depends on the kernel. */
const MAX_FAULTS = 16;

/**
 * Follows a program's memory accesses as the ablest verifier does, along every path of which it is certain that a verifier goes it, until one
 * access is found that none takes (kernel/bpf/verifier.c, check_mem_access). Where this knows too little, it says nothing.
 *
 * @returns the access that is refused on every kernel, or those that are on some.
 */
export function followAccesses(options: FollowOptions): RefusedAccess[] {
  return new Follower(options).run();
}

const images = new WeakMap<BpfObject, ProgramImage>();

/** The programs of an object share their functions. */
function imageOf(object: BpfObject): ProgramImage {
  let image = images.get(object);
  if (image === undefined) images.set(object, (image = new ProgramImage(object)));
  return image;
}

class Follower {
  readonly #options: FollowOptions;
  readonly #image: ProgramImage;
  readonly #open: AccessState[] = [];
  /** What the kernel said on the ways on which a state was met. */
  readonly #met: Map<string, (readonly Literal[])[]> = new Map();
  /** How many states were met, by function and instruction. */
  readonly #visits: Map<string, number> = new Map();
  readonly #faults: Map<string, RefusedAccess & { ways: (readonly Literal[])[] }> = new Map();
  #certain: RefusedAccess | undefined;
  #steps = 0;
  #lastId = 0;

  constructor(options: FollowOptions) {
    this.#options = options;
    this.#image = imageOf(options.object);
  }

  run(): RefusedAccess[] {
    const { object, program } = this.#options;
    const entry = program.functions[0];
    if (entry === undefined) return [];
    this.#open.push(enter(object.functions.indexOf(entry), [{ kind: 'context', offset: 0 }]));
    for (let state = this.#open.pop(); state !== undefined; state = this.#open.pop()) {
      this.#follow(state);
      if (this.#certain) return [this.#certain];
      if (this.#steps > MAX_STEPS || this.#options.effort.isSpent) break;
    }
    return [...this.#faults.values()];
  }

  #follow(state: AccessState): void {
    for (let first = true; this.#steps <= MAX_STEPS; first = false) {
      const index = state.frames.at(-1)?.function ?? -1;
      const image = this.#image.function(index);
      const instruction = image?.entry.instructions[state.at];
      if (image === undefined || instruction === undefined) return;
      if (instruction.destination > 10 || instruction.source > 10) return;
      if ((first || image.joins[state.at] === 1) && this.#wasMet(state, index)) return;
      this.#steps++;
      this.#options.effort.step();
      const context: AccessContext = {
        image: this.#image,
        function: image,
        index,
        program: this.#options.program,
        bind: variable,
        freshId: this.#freshId,
        parameterAt: this.#parameterAt,
        claim: this.#claim,
        push: this.#push,
      };
      if (!advance(state, instruction, context)) return;
    }
  }

  /** Whether the verifier was here with the same knowledge, whatever way the kernel's values took then. */
  #wasMet(state: AccessState, index: number): boolean {
    const entry = this.#options.object.functions[index];
    const live = entry && liveRegisters(entry);
    for (let register = 0; register < 10; register++) {
      if (((live?.[state.at] ?? 0) & (1 << register)) === 0) state.registers[register] = ANY;
    }
    for (const { function: own, stack } of state.frames) {
      const use = this.#image.function(own)?.stackUse;
      if (use) stack.keepOnly(use);
    }
    const place = `${index} ${state.at}`;
    const visits = (this.#visits.get(place) ?? 0) + 1;
    if (visits > MAX_STATES) return true;
    this.#visits.set(place, visits);
    const key = accessStateKey(state);
    const ways = this.#met.get(key) ?? [];
    this.#met.set(key, ways);
    if (ways.some((way) => includesAll(state.literals, way))) return true;
    ways.push(state.literals);
    return false;
  }

  readonly #freshId = (): number => ++this.#lastId;

  readonly #push = (state: AccessState): void => {
    this.#open.push(state);
  };

  readonly #claim = (state: AccessState, memory: AccessedMemory, fault: AccessFault): void => {
    const index = state.frames.at(-1)?.function ?? -1;
    const found = { function: index, at: state.at, memory, fault };
    if (state.literals.length === 0) this.#certain ??= { ...found, ways: [[]] };
    const key = `${index} ${state.at}`;
    const known = this.#faults.get(key);
    if (known) known.ways.push(state.literals);
    else if (this.#faults.size < MAX_FAULTS) this.#faults.set(key, { ...found, ways: [state.literals] });
  };

  readonly #parameterAt = (map: string, offset: number, size: number): Variable | undefined => {
    for (const [name, place] of this.#options.parameters) {
      if (place.map !== map || offset < place.offset || offset + size > place.offset + place.size) continue;
      const initial = this.#image.constant(map, offset, size) ?? 0n;
      return { kind: 'parameter', name, offset: offset - place.offset, bytes: size, initial };
    }
    return undefined;
  };
}

function includesAll(all: readonly Literal[], some: readonly Literal[]): boolean {
  return some.every((wanted) => all.some(({ key, holds }) => key === wanted.key && holds === wanted.holds));
}

/** Whether the verifier goes on in the same state. */
function advance(state: AccessState, instruction: Instruction, context: AccessContext): boolean {
  const { code } = instruction;
  const kind = code & 7;
  if (kind !== CLASS.jmp && kind !== CLASS.jmp32) return step(state, instruction, context);
  if (code === CODE_EXIT) return leave(state);
  if (code === CODE_CALL) return call(state, instruction, context);
  if (code === CODE_JUMP || code === CODE_LONG_JUMP) {
    const target = jumpTarget(instruction, state.at);
    if (target === undefined) return false;
    state.at = target;
    return true;
  }
  jumpBoth(state, instruction, context);
  return false;
}
