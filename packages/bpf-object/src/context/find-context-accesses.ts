import type { BpfFunction, BpfObject, BpfProgram } from '../object/bpf-object.ts';
import { CLASS, CODE_CALL, CODE_LOAD_IMM64, INSTRUCTION_SIZE, type Instruction } from '../object/instruction.ts';
import { successors } from '../requirements/function-features.ts';
import type { ContextAccess, ContextAccesses } from './context-access.ts';
import { isFixedOffset } from './fixed-layout.ts';

/**
 * Where a pointer points: into the context, into the function's own stack frame, or to a function; or to the context with some number other
 * than 0 added, which may differ from way to way. Such numbers are followed too.
 */
type Target =
  | { kind: 'context' | 'stack'; offset: number; relocated?: true }
  | { kind: 'function'; index: number }
  | { kind: 'moved-context' }
  | { kind: 'nonzero' };
const MOVED: Target = { kind: 'moved-context' };
const NONZERO: Target = { kind: 'nonzero' };
/** Known pointers by register (0 to 9), or by offset in the frame (below 0). */
type Pointers = ReadonlyMap<number, Target>;

const FRAME_POINTER = 10;
const MAX_OFFSET = 32_767;
/** Atomic operations move no more than they touch; the verifier lets none touch a context. */
const MODE_MASK = 0xe0;
const MODE_ATOMIC = 0xc0;

/** Helpers that hand a pointer of their own on to a function: arguments that are the function and the pointer, and where it arrives. */
const CALLBACKS: ReadonlyMap<number, { callback: number; from: number; to: number }> = new Map([
  // for_each_map_elem, find_vma, loop, user_ringbuf_drain
  [164, { callback: 2, from: 3, to: 4 }],
  [180, { callback: 3, from: 4, to: 3 }],
  [181, { callback: 2, from: 3, to: 2 }],
  [209, { callback: 2, from: 3, to: 2 }],
]);

/**
 * Finds every load and store through a program's context pointer: r1 at its start, followed through registers, its stack and the functions
 * that it calls. Where ways meet, a pointer stays only if it is the same on both: the verifier allows no instruction that sees a context on
 * one way only. Left out is what lies beyond a number that is not constant.
 */
export function findContextAccesses(object: BpfObject, program: BpfProgram): ContextAccesses {
  const [main] = program.functions;
  const found = new Map<number, Map<number, ContextAccess>>();
  if (main === undefined) return found;
  const done = new Set<string>();
  const open: [index: number, start: Pointers][] = [
    [object.functions.indexOf(main), new Map([[1, { kind: 'context', offset: 0 }]])],
  ];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [index, start] = next;
    const entry = object.functions[index];
    const key = `${index} ${[...start].map(([register, target]) => `${register}=${Object.values(target).join(':')}`).join()}`;
    if (entry === undefined || done.has(key)) continue;
    done.add(key);
    const accesses = found.get(index) ?? new Map<number, ContextAccess>();
    found.set(index, accesses);
    const relocated = relocatedAt(object, entry);
    followFunction({ entry, relocated, accesses, enter: (callee, args) => open.push([callee, args]) }, start);
  }
  return found;
}

type Enter = (callee: number, args: Pointers) => void;

/** Instructions whose offset or number the loader changes from kernel to kernel. */
function relocatedAt({ btf }: BpfObject, { offset, relocations }: BpfFunction): ReadonlySet<number> {
  const moving = relocations.filter((record) => !isFixedOffset(btf, record));
  return new Set(moving.map((record) => (record.offset - offset) / INSTRUCTION_SIZE));
}

interface Followed {
  entry: BpfFunction;
  relocated: ReadonlySet<number>;
  accesses: Map<number, ContextAccess>;
  enter: Enter;
}

function followFunction({ entry, relocated, accesses, enter }: Followed, start: Pointers): void {
  const { instructions } = entry;
  const states: (Pointers | undefined)[] = [start];
  const open = [0];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const instruction = instructions[at];
    const before = states[at];
    // Without any pointer left there is nothing to follow.
    if (instruction === undefined || before === undefined) continue;
    const after = execute(before, { instruction, at, entry, isRelocated: relocated.has(at) });
    for (const next of successors(instructions, at)) if (meet(states, next, after)) open.push(next);
  }
  // Only what all ways agree upon counts.
  for (const [at, pointers] of states.entries()) {
    const instruction = instructions[at];
    if (instruction === undefined || pointers === undefined) continue;
    const access = accessOf(pointers, instruction, relocated.has(at));
    if (access) accesses.set(at, access);
    if (instruction.code === CODE_CALL) enterCalled(pointers, instruction, at, entry, enter);
  }
}

/** Unites what is known at a place with what comes there. @returns whether it has to be followed (again). */
function meet(states: (Pointers | undefined)[], at: number, coming: Pointers): boolean {
  const known = states[at];
  if (known === undefined) {
    states[at] = coming;
    return true;
  }
  if (known === coming) return false;
  const kept = [...known].filter(([place, target]) => isSame(target, coming.get(place)));
  if (kept.length === known.size) return false;
  states[at] = new Map(kept);
  return true;
}

function isSame(a: Target, b: Target | undefined): boolean {
  if (a === b || b === undefined) return a === b;
  if (a.kind === 'function') return b.kind === 'function' && a.index === b.index;
  if (a.kind === 'moved-context' || a.kind === 'nonzero') return a.kind === b.kind;
  return a.kind === b.kind && a.offset === b.offset && a.relocated === b.relocated;
}

function pointerIn(pointers: Pointers, register: number): Target | undefined {
  return register === FRAME_POINTER ? { kind: 'stack', offset: 0 } : pointers.get(register);
}

function accessOf(pointers: Pointers, instruction: Instruction, isRelocated: boolean): ContextAccess | undefined {
  const { code, destination, source, offset } = instruction;
  const kind = code & 7;
  const isLoad = kind === CLASS.ldx;
  if (!isLoad && kind !== CLASS.st && kind !== CLASS.stx) return undefined;
  if (kind === CLASS.stx && (code & MODE_MASK) === MODE_ATOMIC) return undefined;
  const base = pointerIn(pointers, isLoad ? source : destination);
  const access = isLoad ? 'read' : kind === CLASS.st ? 'write-number' : 'write';
  if (base?.kind === 'moved-context') return { offset: 0, size: sizeOf(code), access, moved: true, relocated: true };
  if (base?.kind !== 'context') return undefined;
  // Beyond what any kernel's context has, and an index writes.
  if (Math.abs(base.offset + offset) > MAX_OFFSET) return undefined;
  return {
    offset: base.offset + offset,
    size: sizeOf(code),
    access,
    ...(base.offset === 0 ? {} : { moved: true }),
    ...(isRelocated || base.relocated ? { relocated: true } : {}),
  };
}

interface Step {
  instruction: Instruction;
  at: number;
  entry: BpfFunction;
  isRelocated: boolean;
}

/** What is known after an instruction. */
function execute(pointers: Pointers, { instruction, at, entry, isRelocated }: Step): Pointers {
  const { code, destination, source, offset } = instruction;
  switch (code & 7) {
    case CLASS.alu:
    case CLASS.alu64:
      return withPointer(pointers, destination, calculate(pointers, instruction, isRelocated));
    case CLASS.ld:
      if (code !== CODE_LOAD_IMM64) return spoil(pointers);
      return withPointer(pointers, destination, functionAt(entry, at));
    case CLASS.ldx: {
      const base = pointerIn(pointers, source);
      const isWhole = base?.kind === 'stack' && base.offset + offset < 0 && sizeOf(code) === 8;
      return withPointer(pointers, destination, isWhole ? pointers.get(base.offset + offset) : undefined);
    }
    case CLASS.st:
    case CLASS.stx:
      return store(pointers, instruction);
    default:
      return code === CODE_CALL ? spoil(pointers) : pointers;
  }
}

function functionAt(entry: BpfFunction, at: number): Target | undefined {
  const reference = entry.references.get(at);
  return reference?.kind === 'callback' ? { kind: 'function', index: reference.index } : undefined;
}

function withPointer(pointers: Pointers, place: number, target: Target | undefined): Pointers {
  if (target === undefined && !pointers.has(place)) return pointers;
  const changed = new Map(pointers);
  if (target) changed.set(place, target);
  else changed.delete(place);
  return changed;
}

/** Moves, and numbers that are added. */
function calculate(pointers: Pointers, instruction: Instruction, isRelocated: boolean): Target | undefined {
  const { code, destination, source, offset, immediate } = instruction;
  if (code === 0xbf && offset === 0) return pointerIn(pointers, source);
  if (code === 0xb7 || code === 0xb4) return immediate === 0 || isRelocated ? undefined : NONZERO;
  const before = pointers.get(destination);
  if (code === 0x0f)
    return isMoved(before, pointers.get(source)) || isMoved(pointers.get(source), before) ? MOVED : undefined;
  if (code !== 0x07 || (before?.kind !== 'context' && before?.kind !== 'stack')) return undefined;
  const { kind, relocated } = before;
  return { kind, offset: before.offset + immediate, ...(isRelocated || relocated ? { relocated: true } : {}) };
}

/** Whether a context comes away from its start where the number is added. */
function isMoved(pointer: Target | undefined, added: Target | undefined): boolean {
  return pointer?.kind === 'context' && pointer.offset === 0 && !pointer.relocated && added?.kind === 'nonzero';
}

function store(pointers: Pointers, { code, destination, source, offset }: Instruction): Pointers {
  const base = pointerIn(pointers, destination);
  if (base?.kind !== 'stack') return pointers;
  const start = base.offset + offset;
  const end = start + sizeOf(code);
  const isWhole = (code & 7) === CLASS.stx && (code & MODE_MASK) !== MODE_ATOMIC && sizeOf(code) === 8;
  const stored = isWhole && start < 0 ? pointerIn(pointers, source) : undefined;
  const written = [...pointers.keys()].filter((place) => place < 0 && place < end && place + 8 > start);
  let changed = pointers;
  for (const place of written) changed = withPointer(changed, place, undefined);
  return stored ? withPointer(changed, start, stored) : changed;
}

function spoil(pointers: Pointers): Pointers {
  const kept = [...pointers].filter(([place]) => place < 0 || place > 5);
  return kept.length === pointers.size ? pointers : new Map(kept);
}

/** Hands contexts on to functions of the program. The caller's stack is not followed into them. */
function enterCalled(pointers: Pointers, call: Instruction, at: number, entry: BpfFunction, enter: Enter): void {
  const reference = entry.references.get(at);
  if (reference?.kind === 'call') {
    const args = new Map([...pointers].filter(([register, { kind }]) => isArgument(register) && kind === 'context'));
    if (args.size > 0) enter(reference.index, args);
    return;
  }
  const rule = reference === undefined && call.source === 0 ? CALLBACKS.get(call.immediate) : undefined;
  const [callback, handed] = rule ? [pointers.get(rule.callback), pointers.get(rule.from)] : [];
  if (rule && callback?.kind === 'function' && handed?.kind === 'context')
    enter(callback.index, new Map([[rule.to, handed]]));
}

function isArgument(register: number): boolean {
  return register >= 1 && register <= 5;
}

function sizeOf(code: number): number {
  return [4, 2, 1, 8][(code >> 3) & 3] ?? 8;
}
