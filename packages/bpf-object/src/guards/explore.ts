import type { BpfObject, BpfProgram } from '../object/bpf-object.ts';
import {
  CLASS,
  CODE_CALL,
  CODE_EXIT,
  CODE_JUMP,
  CODE_LOAD_IMM64,
  CODE_LONG_JUMP,
  CODE_MAY_JUMP,
  jumpTarget,
  type Instruction,
} from '../object/instruction.ts';
import { casesOfOperands, execute, type Bind, type Place, type Split } from './execute.ts';
import { clobber, findCallback, findClobbered, onlyReads, spoilRegisters, type CallbackCall } from './helper-calls.ts';
import { resultOf } from './helper-results.ts';
import { decideRange, decideRanges, lowBits, mirror, onlyNumber, U32_MAX } from './range.ts';
import { refineState, type Taken } from './refine-values.ts';
import { hasAbility } from './stack-memory.ts';
import {
  copyState,
  enterFunction,
  innermost,
  placeKey,
  type Frame,
  readRegister,
  registersOf,
  renumberIds,
  stateKey,
  type MachineState,
} from './machine-state.ts';
import { compare, comparisonName } from './operations.ts';
import { ProgramImage } from './program-image.ts';
import { joinStates } from './join-states.ts';
import {
  apply,
  isPointer,
  POINTER,
  ranged,
  known,
  toExpression,
  UNKNOWN,
  variable,
  ZERO,
  type Expression,
  type Value,
  type Variable,
} from './value.ts';

/** Something that counts only where the verifier reaches it. */
export type Site =
  | { kind: 'relocation'; function: number; record: number }
  | { kind: 'helper'; number: number }
  | { kind: 'kfunc'; name: string }
  | { kind: 'feature'; name: string };

/** A decision that a value of the kernel takes. */
export interface RawBranch {
  op: string;
  args: [Expression, Expression];
  holds: number;
  fails: number;
}

/** A stretch of the program in one state of knowledge. */
export interface RawNode {
  /** Positions in {@link Exploration.sites}. */
  sites: number[];
  /** Nodes that follow whatever the kernel is. */
  next: number[];
  branch?: RawBranch;
}

/** All that the verifier may see of a program. Node 0 is its start. */
export interface Exploration {
  sites: Site[];
  nodes: RawNode[];
  /** Paths were joined to come to an end: some of what is reached here may be out of reach. */
  approximate: boolean;
}

/** What to explore, and how far. */
export interface ExploreOptions {
  object: BpfObject;
  program: BpfProgram;
  /** Gives a value of the kernel. Default: it stays a variable, and decisions over it become branches. */
  bind?: (variable: Variable) => Value;
  /** Load parameters: name → place in read-only data. Default: none, all read-only data is what the object says. */
  parameters?: ReadonlyMap<string, { map: string; offset: number; size: number }>;
  /** Instructions to execute before paths are joined. Default 100,000. */
  maxSteps?: number;
}

const DEFAULT_MAX_STEPS = 100_000;
/** Beyond this even joined exploration is given up: 8 frames of 1,000,000 instructions cannot be meant. */
const MAX_JOINED_STEPS = 5_000_000;
/** Call frames of the verifier (include/linux/bpf_verifier.h, MAX_CALL_FRAMES). */
const MAX_FRAMES = 8;

/**
 * Follows a program as the kernel's verifier does (kernel/bpf/verifier.c, do_check): along every path, with the constants that are known on
 * it. Values that differ from kernel to kernel stay open, and decisions over them are noted.
 *
 * @returns undefined where the program cannot be followed to its end within bounds.
 */
export function explore(options: ExploreOptions): Exploration | undefined {
  const exact = new Explorer(options, false);
  if (exact.run(options.maxSteps ?? DEFAULT_MAX_STEPS)) return exact.result();
  const joined = new Explorer(options, true);
  return joined.run(MAX_JOINED_STEPS) ? joined.result() : undefined;
}

class Explorer {
  readonly #image: ProgramImage;
  readonly #options: ExploreOptions;
  readonly #joined: boolean;
  readonly #bind: Bind;
  readonly #nodes: RawNode[] = [];
  readonly #states: (MachineState | undefined)[] = [];
  readonly #open: number[] = [];
  readonly #byKey: Map<string, number> = new Map();
  readonly #sites: Site[] = [];
  readonly #siteByKey: Map<string, number> = new Map();
  #steps = 0;
  #unsupported = false;

  constructor(options: ExploreOptions, joined: boolean) {
    this.#image = new ProgramImage(options.object);
    this.#options = options;
    this.#joined = joined;
    this.#bind = options.bind ?? variable;
  }

  result(): Exploration {
    return { sites: this.#sites, nodes: this.#nodes, approximate: this.#joined };
  }

  /** Whether it came to an end. */
  run(maxSteps: number): boolean {
    this.#addRoots();
    for (let node = this.#open.pop(); node !== undefined; node = this.#open.pop()) {
      const state = this.#states[node];
      const raw = this.#nodes[node];
      if (state === undefined || raw === undefined) continue;
      if (!this.#joined) this.#states[node] = undefined;
      raw.sites = [];
      raw.next = [];
      delete raw.branch;
      this.#follow(this.#joined ? copyState(state) : state, raw);
      if (this.#steps > maxSteps || this.#unsupported) return false;
    }
    return true;
  }

  #addRoots(): void {
    const { object, program } = this.#options;
    const root: RawNode = { sites: [], next: [] };
    this.#nodes.push(root);
    this.#states.push(undefined);
    const indexOf = (name: string): number => object.functions.findIndex((entry) => entry.name === name);
    const entry = program.functions[0];
    if (entry === undefined) return;
    root.next.push(this.#intern(enterFunction(object.functions.indexOf(entry), [{ key: 'p', kind: 'pointer' }])));
    this.#addFunctionAddresses(root);
    const globals = program.functions.slice(1).filter((candidate) => candidate.global);
    if (globals.length === 0) return;
    // Older verifiers look at every global function, newer ones at those that are called from where they come.
    this.#whereAble(
      root,
      'lazy-global-functions',
      () => this.#addNode(),
      (eager) => {
        for (const candidate of globals) eager.next.push(this.#intern(enterFunction(indexOf(candidate.name), [])));
      },
    );
  }

  /**
   * Addresses of kernel functions: the kernel looks at them before it looks at any path, and only newer ones allow them. One that is not
   * there is the number 0.
   */
  #addFunctionAddresses(root: RawNode): void {
    const { object, program } = this.#options;
    const names = new Set<string>();
    for (const { references, instructions } of program.functions) {
      for (const [at, reference] of references) {
        if (reference.kind === 'extern' && instructions[at]?.code === CODE_LOAD_IMM64) names.add(reference.name);
      }
    }
    for (const { name, kind, weak } of object.externs) {
      if (kind !== 'kfunc' || !names.has(name)) continue;
      const there = this.#addNode();
      const inner = this.#nodes[there];
      if (inner) this.#site(inner, `f${KFUNC_ADDRESS}`, { kind: 'feature', name: KFUNC_ADDRESS });
      const part = this.#addNode();
      const node = this.#nodes[part];
      root.next.push(part);
      const address = weak ? this.#bind({ kind: 'symbol', name, type: 'function' }) : POINTER;
      if (node)
        this.#decide(
          node,
          'jne64',
          address,
          ZERO,
          () => there,
          () => this.#addNode(),
        );
    }
  }

  /** Executes from a state to the end of its node. */
  #follow(state: MachineState, node: RawNode): void {
    for (let first = true; ; first = false) {
      const { function: index } = innermost(state);
      const image = this.#image.function(index);
      const instruction = image?.entry.instructions[state.at];
      // A program that runs off its end is none that a verifier accepts.
      if (image === undefined || instruction === undefined) return;
      // Registers that there are not; the verifier refuses the program for them.
      if (instruction.destination > 10 || instruction.source > 10) return;
      if (!first && image.joins[state.at] === 1) {
        node.next.push(this.#intern(state));
        return;
      }
      this.#steps++;
      const place: Place = {
        image: this.#image,
        function: image,
        index,
        bind: this.#bind,
        freshId: this.#freshId,
        parameterAt: this.#parameterAt,
      };
      this.#visit(node, place, state.at);
      const kind = instruction.code & 7;
      if (kind !== CLASS.jmp && kind !== CLASS.jmp32) {
        if (this.#splitOperands(state, instruction, node)) return;
        const split = execute(state, instruction, place);
        if (split) {
          this.#split(node, split);
          return;
        }
      } else if (!this.#jump(state, instruction, place, node)) return;
    }
  }

  readonly #parameterAt = (map: string, offset: number, size: number): Variable | undefined => {
    for (const [name, place] of this.#options.parameters ?? []) {
      if (place.map !== map || offset < place.offset || offset + size > place.offset + place.size) continue;
      const initial = this.#image.constant(map, offset, size) ?? 0n;
      return { kind: 'parameter', name, offset: offset - place.offset, bytes: size, initial };
    }
    return undefined;
  };

  #visit(node: RawNode, { function: { entry, relocations }, index }: Place, at: number): void {
    const record = relocations.get(at);
    if (record !== undefined) this.#site(node, `r${index} ${record}`, { kind: 'relocation', function: index, record });
    const instruction = entry.instructions[at];
    if (instruction?.code !== CODE_CALL) return;
    const reference = entry.references.get(at);
    if (reference?.kind === 'kfunc') this.#site(node, `k${reference.name}`, { kind: 'kfunc', name: reference.name });
    else if (reference === undefined && instruction.source === 0) {
      this.#site(node, `h${instruction.immediate}`, { kind: 'helper', number: instruction.immediate });
    }
  }

  #site(node: RawNode, key: string, site: Site): void {
    let position = this.#siteByKey.get(key);
    if (position === undefined) {
      position = this.#sites.push(site) - 1;
      this.#siteByKey.set(key, position);
    }
    if (!node.sites.includes(position)) node.sites.push(position);
  }

  /** Ids of states that were met before are below this. */
  #lastId = 1_000_000;
  readonly #freshId = (): number => ++this.#lastId;

  #split(node: RawNode, [first, ...others]: Split): void {
    if (first === undefined) return;
    const { condition, state } = first;
    if (condition === undefined) {
      node.next.push(this.#intern(state));
      return;
    }
    const rest = (): number => {
      const index = this.#addNode();
      const inner = this.#nodes[index];
      if (inner) this.#split(inner, others);
      return index;
    };
    const [a, b] = [this.#resolve(condition.a), this.#resolve(condition.b)];
    this.#decide(node, condition.op, a, b, () => this.#intern(state), rest);
  }

  /** A node without a state of its own. */
  #addNode(): number {
    this.#states.push(undefined);
    return this.#nodes.push({ sites: [], next: [] }) - 1;
  }

  /** Asks for the values of variables that were made without asking. */
  #resolve(value: Value): Value {
    if (value.kind !== 'symbolic') return value;
    return this.#resolveExpression(value.expression) ?? value;
  }

  #resolveExpression(expression: Expression): Value | undefined {
    if (expression.kind === 'constant') return known(expression.value);
    if (expression.kind === 'variable') return this.#bind(expression.variable);
    const parts = expression.args.map((part) => this.#resolveExpression(part));
    const [a, b] = parts;
    if (a === undefined || (expression.args.length > 1 && b === undefined)) return undefined;
    return apply(expression.op, a, b);
  }

  #decide(node: RawNode, op: string, a: Value, b: Value, then: () => number, otherwise: () => number): void {
    const taken = decideNow(op, a, b);
    const [left, right] = [toExpression(a), toExpression(b)];
    if (taken !== undefined) node.next.push(taken ? then() : otherwise());
    else if (left && right) node.branch = { op, args: [left, right], holds: then(), fails: otherwise() };
    else node.next.push(then(), otherwise());
  }

  /** Whether execution goes on in the same state. */
  #jump(state: MachineState, instruction: Instruction, place: Place, node: RawNode): boolean {
    const { code } = instruction;
    if (code === CODE_EXIT) return this.#return(state, node);
    if (code === CODE_CALL) return this.#call(state, instruction, place, node);
    const target = jumpTarget(instruction, state.at);
    if (target === undefined) {
      // An indirect jump, or one that this version does not know.
      this.#unsupported = true;
      return false;
    }
    if (code === CODE_JUMP || code === CODE_LONG_JUMP) {
      state.at = target;
      return true;
    }
    const [taken, fallen] = [copyState(state), state];
    taken.at = target;
    fallen.at++;
    const [then, otherwise] = [(): number => this.#intern(taken), (): number => this.#intern(fallen)];
    const op = code === CODE_MAY_JUMP ? undefined : comparisonName(code, (code & 7) === CLASS.jmp ? 64 : 32);
    if (op === undefined) {
      node.next.push(then(), otherwise());
      return false;
    }
    const a = readRegister(state, instruction.destination);
    const b =
      (code & 8) === 0
        ? known(BigInt.asUintN(64, BigInt(instruction.immediate)))
        : readRegister(state, instruction.source);
    if (this.#splitOperands(state, instruction, node)) return false;
    const [, name = '', width = ''] = /^([a-z]+)(\d+)$/.exec(op) ?? [];
    const sides = { name, width, taken, fallen };
    if (b.kind === 'known' && this.#compareUnknown(node, instruction.destination, a, b.value, sides)) return false;
    const mirrored = { ...sides, name: mirror(name), isMirrored: true };
    if (a.kind === 'known' && this.#compareUnknown(node, instruction.source, b, a.value, mirrored)) return false;
    if (this.#compareRanges(node, a, b, sides)) return false;
    this.#decide(node, op, a, b, then, otherwise);
    return false;
  }

  /** Where a number of the kernel with few values meets a number that is not known: one state for each of its values. */
  #splitOperands(state: MachineState, instruction: Instruction, node: RawNode): boolean {
    const cases = casesOfOperands(state, instruction, this.#image);
    if (cases === undefined) return false;
    this.#split(node, cases);
    return true;
  }

  /** A comparison of a number of which only a range is known, or of a pointer that may be null. Whether it was one. */
  #compareUnknown(node: RawNode, register: number, value: Value, number: bigint, sides: Sides): boolean {
    const { name, width, taken, fallen, isMirrored = false } = sides;
    if (value.kind !== 'unknown' && value.kind !== 'nullable') return false;
    if (width === '32' && value.kind === 'nullable') return false;
    const compared = width === '32' ? BigInt.asUintN(32, number) : number;
    const range = value.kind === 'unknown' ? value.range : undefined;
    const isLong =
      width === '32' && range !== undefined && range.umax > (name.startsWith('js') ? 0x7fff_ffffn : U32_MAX);
    // Signs of lower halves are not followed.
    if (isLong && name.startsWith('js')) return false;
    const decision = range && decideRange(name, isLong ? lowBits(range, 32) : range, compared);
    const way = { register, name, number: compared, lowHalf: isLong };
    const open = (target: RawNode): void => {
      target.next.push(this.#refined(taken, { ...way, taken: true }, value));
      target.next.push(this.#refined(fallen, { ...way, taken: false }, value));
    };
    const isExact = isLong && range !== undefined && onlyNumber(lowBits(range, 32)) !== undefined;
    if (decision === undefined) open(node);
    else if (isMirrored)
      this.#whereAble(node, 'range-comparisons', () => this.#intern(copyState(decision.taken ? taken : fallen)), open);
    else if (!decision.newer || isExact) node.next.push(this.#intern(decision.taken ? taken : fallen));
    else
      this.#whereAble(
        node,
        'range-contradictions',
        () => this.#intern(copyState(decision.taken ? taken : fallen)),
        open,
      );
    return true;
  }

  /** A comparison of two numbers of which only ranges are known, which newer verifiers may decide. */
  #compareRanges(node: RawNode, a: Value, b: Value, { name, width, taken, fallen }: Sides): boolean {
    if (a.kind !== 'unknown' || b.kind !== 'unknown') return false;
    if (width === '32' && (a.range.umax > U32_MAX || b.range.umax > U32_MAX)) return false;
    const decided = decideRanges(name, a.range, b.range);
    if (decided === undefined) return false;
    const [way, other] = decided ? [taken, fallen] : [fallen, taken];
    this.#whereAble(
      node,
      'range-comparisons',
      () => this.#intern(copyState(way)),
      (both) => both.next.push(this.#intern(way), this.#intern(other)),
    );
    return true;
  }

  /** The state after a comparison. */
  #refined(state: MachineState, way: Taken, value: Value): number {
    const refined = copyState(state);
    refineState(refined, way);
    if (value.kind !== 'unknown' || value.id === undefined || value.id > 0) return this.#intern(refined);
    // What was spilled of the register is known as well, where the verifier links the two.
    const alone = copyState(state);
    alone.registers[way.register] = ranged(value.range);
    refineState(alone, way);
    const index = this.#addNode();
    const node = this.#nodes[index];
    if (node)
      this.#whereAble(
        node,
        'linked-spills',
        () => this.#intern(refined),
        (other) => other.next.push(this.#intern(alone)),
      );
    return index;
  }

  #whereAble(node: RawNode, ability: string, able: () => number, otherwise: (node: RawNode) => unknown): void {
    const { op, a, b } = hasAbility(ability);
    this.#decide(node, op, this.#resolve(a), b, able, () => {
      const index = this.#addNode();
      const inner = this.#nodes[index];
      if (inner) otherwise(inner);
      return index;
    });
  }

  #return(state: MachineState, node: RawNode): boolean {
    const { caller, callback } = innermost(state);
    if (caller === undefined) return false;
    if (callback) node.next.push(this.#intern(again(state, callback)));
    state.frames.pop();
    state.at = caller.at;
    if (callback) state.registers[0] = UNKNOWN;
    for (let register = 1; register <= 5; register++) state.registers[register] = UNKNOWN;
    for (const [index, value] of caller.saved.entries()) state.registers[6 + index] = value;
    if (!callback) return true;
    node.next.push(this.#intern(state));
    return false;
  }

  #call(state: MachineState, instruction: Instruction, place: Place, node: RawNode): boolean {
    const reference = place.function.entry.references.get(state.at);
    if (reference?.kind === 'call') return this.#callFunction(state, reference.index, node);
    const helper = reference === undefined && instruction.source === 0 ? instruction.immediate : undefined;
    const callback = findCallback(state, helper);
    const bytes = findClobbered(state, helper, this.#image.maps);
    const result = resultOf(state, helper, this.#freshId);
    const rounds = readRegister(state, 1);
    const arrayKey = { map: readRegister(state, 1), key: this.#keyAt(state) };
    const kept = onlyReads(helper) ? copyState(state) : undefined;
    clobber(state, bytes);
    for (const each of kept ? [state, kept] : [state]) {
      spoilRegisters(each);
      each.registers[0] = result;
      each.at++;
    }
    if (kept) this.#forget(kept);
    this.#forget(state);
    if (helper === MAP_LOOKUP && this.#findsAlways(arrayKey)) {
      const found = copyState(state);
      found.registers[0] = POINTER;
      this.#split(node, [{ condition: hasAbility('constant-key-lookups'), state: found }, { state }]);
      return false;
    }
    if (callback) return this.#callBack(state, { ...callback, never: helper === LOOP && isZero(rounds) }, node);
    if (kept === undefined || stateKey(kept) === stateKey(state)) return true;
    this.#split(node, [{ condition: hasAbility('stack-reads-by-helpers-keep'), state: kept }, { state }]);
    return false;
  }

  /** The 32-bit number that r2 points to on the stack. */
  #keyAt(state: MachineState): Value {
    const pointer = readRegister(state, 2);
    if (pointer.kind !== 'stack') return UNKNOWN;
    return state.frames[pointer.frame]?.stack.read(pointer.offset, 4).alternatives[0]?.value ?? UNKNOWN;
  }

  /** Whether a lookup in an array has a key that is always there (kernel/bpf/verifier.c, get_constant_map_key). */
  #findsAlways({ map, key }: { map: Value; key: Value }): boolean {
    const definition = map.kind === 'map' ? this.#image.maps.get(map.map) : undefined;
    const isArray = definition?.type === 'array' || definition?.type === 'percpu_array';
    return isArray && key.kind === 'known' && key.value < BigInt(definition.maxEntries);
  }

  #callFunction(state: MachineState, index: number, node: RawNode): boolean {
    const callee = this.#image.object.functions[index];
    state.at++;
    if (callee?.global === true) {
      // Verified on its own, with arguments of which nothing is known.
      node.next.push(this.#intern(enterFunction(index, [])));
      spoilRegisters(state);
      return true;
    }
    const args = state.registers.slice(1, 6);
    return this.#enter(state, index, args, undefined);
  }

  #callBack(state: MachineState, call: CallbackCall & { never: boolean }, node: RawNode): boolean {
    const { index, args, asynchronous, never } = call;
    if (asynchronous) {
      node.next.push(this.#intern(enterFunction(index, args)));
      return true;
    }
    node.next.push(this.#intern(copyState(state)));
    const inside = this.#addNode();
    const target = this.#nodes[inside];
    const entered =
      target &&
      this.#enter(state, index, args, {
        registers: registersOf(args),
        around: state.frames.map(({ stack }) => stack.copy()),
      });
    if (target === undefined || entered !== true) return false;
    target.next.push(this.#intern(state));
    // A loop of no rounds: older verifiers look at the function all the same.
    if (!never) node.next.push(inside);
    else
      this.#whereAble(
        node,
        'counted-callbacks',
        () => this.#addNode(),
        (other) => other.next.push(inside),
      );
    return false;
  }

  #enter(state: MachineState, index: number, args: readonly Value[], callback: Frame['callback']): boolean {
    if (state.frames.length >= MAX_FRAMES) return false;
    const entered = enterFunction(index, args);
    const frame = innermost(entered);
    frame.caller = { at: state.at, saved: this.#savedRegisters(state) };
    if (callback) frame.callback = callback;
    state.frames.push(frame);
    state.registers = entered.registers;
    state.at = 0;
    return true;
  }

  /** r6 to r9, as far as they matter where the caller goes on. */
  #savedRegisters(state: MachineState): Value[] {
    const relevant = this.#image.function(innermost(state).function)?.relevant[state.at] ?? 0;
    return [6, 7, 8, 9].map((register) =>
      (relevant & (1 << register)) === 0 ? UNKNOWN : readRegister(state, register),
    );
  }

  /** Leaves out what cannot matter any more. */
  #forget(state: MachineState): void {
    const frame = innermost(state);
    const image = this.#image.function(frame.function);
    const relevant = image?.relevant[state.at] ?? 0;
    for (let register = 0; register < state.registers.length; register++) {
      if ((relevant & (1 << register)) === 0) state.registers[register] = UNKNOWN;
    }
    for (const { function: index, stack } of state.frames) {
      const use = this.#image.function(index)?.stackUse;
      if (use) stack.keepOnly(use);
    }
  }

  /** The node of a state, which the caller must not use any more. */
  #intern(copy: MachineState): number {
    this.#forget(copy);
    renumberIds(copy);
    const key = this.#joined ? placeKey(copy) : stateKey(copy);
    const existing = this.#byKey.get(key);
    if (existing === undefined) {
      const index = this.#nodes.push({ sites: [], next: [] }) - 1;
      this.#states.push(copy);
      this.#byKey.set(key, index);
      this.#open.push(index);
      return index;
    }
    const before = this.#states[existing];
    if (this.#joined && before !== undefined && joinStates(before, copy) && !this.#open.includes(existing)) {
      this.#open.push(existing);
    }
    return existing;
  }
}

/** The state at the start of another round of the callback. What rounds change is not followed from round to round. */
function again(state: MachineState, { registers, around }: NonNullable<Frame['callback']>): MachineState {
  const next = copyState(state);
  next.at = 0;
  next.registers = [...registers];
  const frame = innermost(next);
  // The round before has left nothing on the callback's own stack that this one may read.
  frame.stack.keepOnly(() => false);
  for (const [depth, before] of around.entries()) next.frames[depth]?.stack.join(before);
  frame.callback = { registers, around: next.frames.slice(0, -1).map(({ stack }) => stack.copy()) };
  return next;
}

/** The ability of programs to hold the address of a kernel function. */
export const KFUNC_ADDRESS = 'kfunc-address';
/** bpf_map_lookup_elem */
const MAP_LOOKUP = 1;
/** bpf_loop */
const LOOP = 181;

function isZero(value: Value): boolean {
  return value.kind === 'known' && value.value === 0n;
}

/** Both ways of a comparison. */
interface Sides {
  /** Name of the comparison without its width. */
  name: string;
  width: string;
  taken: MachineState;
  fallen: MachineState;
  /** The number stood on the left, where only newer verifiers decide by ranges. */
  isMirrored?: boolean;
}

/** Whether the jump is taken, where that is known without knowing the kernel. */
function decideNow(op: string, a: Value, b: Value): boolean | undefined {
  if (a.kind === 'known' && b.kind === 'known') return compare(op, a.value, b.value);
  const [pointer, other] = isPointer(a) ? [a, b] : [b, a];
  const againstNull = isPointer(pointer) && other.kind === 'known' && other.value === 0n;
  if (againstNull && op === 'jeq64') return false;
  return againstNull && op === 'jne64' ? true : undefined;
}
