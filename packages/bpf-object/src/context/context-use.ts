import {
  CLASS,
  CODE_CALL,
  CODE_EXIT,
  CODE_LOAD_IMM64,
  decodeInstructions,
  type Instruction,
  PSEUDO_CALL,
  PSEUDO_FUNCTION,
} from '../object/instruction.ts';
import { successors } from '../requirements/function-features.ts';

/** What is looked at at most; larger programs are left undecided. */
const MAX_INSTRUCTIONS = 100_000;
const FRAME_POINTER = 10;
const MODE_MASK = 0xe0;
const MODE_ATOMIC = 0xc0;

/**
 * A pointer into the context or into the function's own frame, bytes from its start; or one that may be a context whose offset is not known
 * (`lost`); or some place of the frame. What is none of them is not known as a pointer at all.
 */
type Pointer = { kind: 'context' | 'frame'; offset: number } | { kind: 'lost' } | { kind: 'some-frame' };
/** By register (0 to 9), or by offset in the frame (below 0). */
type Pointers = ReadonlyMap<number, Pointer>;

const LOST: Pointer = { kind: 'lost' };
const SOME_FRAME: Pointer = { kind: 'some-frame' };

/** The program does something with its context that cannot be followed. */
class Unproven extends Error {}

/** What a program does with its context. */
export interface ContextUse {
  /** Bytes from its start that are read or written at most, as the kernel counts them (kernel/bpf/verifier.c, check_ctx_access: max_ctx_offset). */
  bytes: number;
  /** Whether it is written to. */
  writes: boolean;
}

/**
 * What a loaded program does with its context. The kernel holds this against what a hook hands over when a program is attached, and not when it
 * is put into a program array.
 *
 * @param bytes - its instructions as the kernel got them, functions behind one another; little endian.
 * @returns `undefined` where it cannot be proven: only what every way through the program agrees upon counts.
 */
export function contextUse(bytes: Uint8Array): ContextUse | undefined {
  if (bytes.length / 8 > MAX_INSTRUCTIONS) return undefined;
  try {
    return new Follower(decodeInstructions(bytes, true)).measure();
  } catch (error) {
    if (error instanceof Unproven) return undefined;
    throw error;
  }
}

/** Numbers of the helpers that a loaded program calls. */
export function calledHelpers(bytes: Uint8Array): Set<number> {
  const instructions = decodeInstructions(bytes, true);
  const calls = instructions.filter(
    ({ code, source }, at) => code === CODE_CALL && source === 0 && !isSecond(instructions, at),
  );
  return new Set(calls.map(({ immediate }) => immediate));
}

function isSecond(instructions: readonly Instruction[], at: number): boolean {
  return instructions[at - 1]?.code === CODE_LOAD_IMM64;
}

class Follower {
  readonly #instructions: readonly Instruction[];
  /** Whether functions of the program are handed to helpers, which may call them with the caller's frame. */
  readonly #hasCallbacks: boolean;
  readonly #done = new Set<string>();
  readonly #open: [start: number, Pointers][] = [[0, new Map([[1, { kind: 'context', offset: 0 }]])]];
  #extent = 0;
  #writes = false;

  constructor(instructions: readonly Instruction[]) {
    this.#instructions = instructions;
    this.#hasCallbacks = instructions.some(
      ({ code, source }) => code === CODE_LOAD_IMM64 && source === PSEUDO_FUNCTION,
    );
  }

  measure(): ContextUse {
    for (let next = this.#open.pop(); next !== undefined; next = this.#open.pop()) {
      const [start, pointers] = next;
      const key = `${start} ${[...pointers].map(([place, pointer]) => `${place}=${Object.values(pointer).join(':')}`).join()}`;
      if (this.#done.has(key)) continue;
      this.#done.add(key);
      this.#follow(start, pointers);
    }
    return { bytes: this.#extent, writes: this.#writes };
  }

  #follow(start: number, pointers: Pointers): void {
    const states = new Map<number, Pointers>([[start, pointers]]);
    const open = [start];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      const before = states.get(at);
      // Without any pointer left there is nothing to follow.
      if (before === undefined || before.size === 0) continue;
      const after = this.#execute(before, at, start);
      for (const next of successors(this.#instructions, at)) if (meet(states, next, after)) open.push(next);
    }
  }

  #execute(pointers: Pointers, at: number, start: number): Pointers {
    const instruction = this.#instructions[at];
    if (instruction === undefined) return pointers;
    const { code, destination } = instruction;
    switch (code & 7) {
      case CLASS.alu:
        return changed(pointers, destination, undefined);
      case CLASS.alu64:
        return changed(pointers, destination, calculate(pointers, instruction));
      case CLASS.ld:
        return code === CODE_LOAD_IMM64 ? changed(pointers, destination, undefined) : spoil(pointers);
      case CLASS.ldx:
        return this.#load(pointers, instruction);
      case CLASS.st:
      case CLASS.stx:
        return this.#store(pointers, instruction);
      default:
        if (code === CODE_EXIT && start !== 0 && mayBeContext(pointers.get(0))) throw new Unproven();
        return code === CODE_CALL ? this.#call(pointers, instruction, at) : pointers;
    }
  }

  #load(pointers: Pointers, { code, destination, source, offset }: Instruction): Pointers {
    const base = pointerIn(pointers, source);
    if (base === undefined) return changed(pointers, destination, undefined);
    if (base.kind === 'context') {
      this.#reach(base.offset + offset, sizeOf(code));
      return changed(pointers, destination, undefined);
    }
    if (base.kind === 'lost') throw new Unproven();
    if (base.kind === 'some-frame') return changed(pointers, destination, isSpilled(pointers) ? LOST : undefined);
    const whole = sizeOf(code) === 8 ? pointers.get(base.offset + offset) : undefined;
    return changed(pointers, destination, base.offset + offset < 0 ? whole : undefined);
  }

  #store(pointers: Pointers, { code, destination, source, offset }: Instruction): Pointers {
    const isAtomic = (code & 7) === CLASS.stx && (code & MODE_MASK) === MODE_ATOMIC;
    const stored = (code & 7) === CLASS.stx && !isAtomic ? pointerIn(pointers, source) : undefined;
    const base = pointerIn(pointers, destination);
    if (base?.kind === 'lost') throw new Unproven();
    if (base?.kind === 'context') {
      this.#reach(base.offset + offset, sizeOf(code));
      this.#writes = true;
    }
    if (base?.kind !== 'frame') {
      // Into memory from which it might be taken again.
      if (mayBeContext(stored)) throw new Unproven();
      return isAtomic ? changed(changed(pointers, source, undefined), 0, undefined) : pointers;
    }
    const from = base.offset + offset;
    const to = from + sizeOf(code);
    const kept = new Map([...pointers].filter(([place]) => place >= 0 || place >= to || place + 8 <= from));
    if (stored && sizeOf(code) === 8 && from < 0) kept.set(from, stored);
    return isAtomic ? changed(changed(kept, source, undefined), 0, undefined) : kept;
  }

  #call(pointers: Pointers, { source, immediate }: Instruction, at: number): Pointers {
    const args = [...pointers].filter(([place]) => place >= 1 && place <= 5);
    const handsFrame = args.some(([, { kind }]) => kind === 'frame' || kind === 'some-frame');
    const isLocal = source === PSEUDO_CALL;
    // What is called could take the context out of the caller's frame.
    if (handsFrame && isSpilled(pointers) && (isLocal || this.#hasCallbacks)) throw new Unproven();
    if (isLocal) {
      // The caller's frame is not the one of what is called.
      const handed = args.filter(([, pointer]) => mayBeContext(pointer));
      if (handed.length > 0) this.#open.push([at + 1 + immediate, new Map(handed)]);
    }
    return spoil(pointers);
  }

  #reach(from: number, size: number): void {
    if (from < 0) throw new Unproven();
    this.#extent = Math.max(this.#extent, from + size);
  }
}

function pointerIn(pointers: Pointers, register: number): Pointer | undefined {
  return register === FRAME_POINTER ? { kind: 'frame', offset: 0 } : pointers.get(register);
}

/** Moves, and numbers that are added or taken away. Anything else makes of a pointer something that is none, or that no verifier lets be used. */
function calculate(
  pointers: Pointers,
  { code, destination, source, offset, immediate }: Instruction,
): Pointer | undefined {
  if (code === 0xb7) return undefined;
  if (code === 0xbf) {
    const moved = pointerIn(pointers, source);
    return offset === 0 || moved === undefined ? moved : LOST;
  }
  const before = pointerIn(pointers, destination);
  const other = (code & 8) === 0 ? undefined : pointerIn(pointers, source);
  if (before === undefined && other === undefined) return undefined;
  const sign = code === 0x07 ? 1 : code === 0x17 ? -1 : 0;
  if (sign !== 0 && (before?.kind === 'context' || before?.kind === 'frame')) {
    return { kind: before.kind, offset: before.offset + sign * immediate };
  }
  return mayBeContext(before) || mayBeContext(other) ? LOST : SOME_FRAME;
}

/** Unites what is known at a place with what comes there. @returns whether it has to be followed (again). */
function meet(states: Map<number, Pointers>, place: number, coming: Pointers): boolean {
  const known = states.get(place);
  if (known === undefined) {
    states.set(place, coming);
    return true;
  }
  if (known === coming) return false;
  const united = new Map<number, Pointer>();
  for (const key of new Set([...known.keys(), ...coming.keys()])) {
    const pointer = unite(known.get(key), coming.get(key));
    if (pointer) united.set(key, pointer);
  }
  if (united.size === known.size && [...united].every(([key, pointer]) => isSame(pointer, known.get(key))))
    return false;
  states.set(place, united);
  return true;
}

function unite(a: Pointer | undefined, b: Pointer | undefined): Pointer | undefined {
  if (isSame(a, b)) return a;
  if (mayBeContext(a) || mayBeContext(b)) return LOST;
  return a === undefined && b === undefined ? undefined : SOME_FRAME;
}

function isSame(a: Pointer | undefined, b: Pointer | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.kind === b.kind && ('offset' in a ? a.offset : 0) === ('offset' in b ? b.offset : 0);
}

function mayBeContext(pointer: Pointer | undefined): boolean {
  return pointer?.kind === 'context' || pointer?.kind === 'lost';
}

function isSpilled(pointers: Pointers): boolean {
  return [...pointers].some(([place, pointer]) => place < 0 && mayBeContext(pointer));
}

function changed(pointers: Pointers, place: number, pointer: Pointer | undefined): Pointers {
  if (pointer === undefined && !pointers.has(place)) return pointers;
  const copy = new Map(pointers);
  if (pointer) copy.set(place, pointer);
  else copy.delete(place);
  return copy;
}

/** A call leaves registers 0 to 5 to whatever it likes. */
function spoil(pointers: Pointers): Pointers {
  return new Map([...pointers].filter(([place]) => place < 0 || place > 5));
}

function sizeOf(code: number): number {
  return [4, 2, 1, 8][(code >> 3) & 3] ?? 8;
}
