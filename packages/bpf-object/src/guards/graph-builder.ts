import type { Bind, Split } from './execute.ts';
import type { RawNode, Site } from './exploration.ts';
import { joinStates } from './join-states.ts';
import { KeyCodes } from './key-codes.ts';
import { copyState, innermost, placeKey, renumberIds, stateKey, type MachineState } from './machine-state.ts';
import { compare } from './operations.ts';
import { OpenNodes } from './open-nodes.ts';
import type { ProgramImage } from './program-image.ts';
import type { SitesLeft } from './sites-left.ts';
import { hasAbility } from './stack-memory.ts';
import { apply, isPointer, known, toExpression, UNKNOWN, type Expression, type Value } from './value.ts';

/** Characters of the keys of states. Real programs take some million. */
const MAX_KEY_TEXT = 200_000_000;

/**
 * The graph of an exploration while it grows: a node for every state of knowledge that was met, and what follows it.
 */
export class GraphBuilder {
  readonly image: ProgramImage;
  readonly bind: Bind;
  /** Of the keys of states. */
  readonly codes: KeyCodes = new KeyCodes();
  readonly sites: Site[] = [];
  readonly nodes: RawNode[] = [];
  readonly #joined: boolean;
  readonly #left: SitesLeft | undefined;
  readonly #states: (MachineState | undefined)[] = [];
  readonly #open: OpenNodes = new OpenNodes();
  readonly #places: Set<number> = new Set();
  /** Which of {@link nodes} every kernel comes to. */
  readonly #isCertain: boolean[] = [];
  /** The node of all states after which nothing is left to find. */
  #nothing: number | undefined;
  readonly #byKey: Map<string, number> = new Map();
  readonly #siteByKey: Map<string, number> = new Map();
  /** Keys of {@link sites}. */
  readonly #siteKeys: string[] = [];
  /** Ids of states that were met before are below this. */
  #lastId = 1_000_000;
  #keyText = 0;

  /**
   * `joined`: states at one place are united, which comes to an end always, and knows less. `left`: where something is left to find; other
   * states are not followed. Default: all are.
   */
  constructor(image: ProgramImage, bind: Bind, { joined, left }: { joined: boolean; left?: SitesLeft | undefined }) {
    this.image = image;
    this.bind = bind;
    this.#joined = joined;
    this.#left = left;
  }

  /** Whether the states that were met take more memory than one would want to spend. */
  get isTooLarge(): boolean {
    return this.#keyText > MAX_KEY_TEXT;
  }

  /** A number that no value has yet. */
  readonly freshId = (): number => ++this.#lastId;

  /** The next state to follow, with its node, emptied. */
  takeOpen(): { index: number; state: MachineState; node: RawNode } | undefined {
    for (let index = this.#open.take(); index !== undefined; index = this.#open.take()) {
      const [state, node] = [this.#states[index], this.nodes[index]];
      if (state === undefined || node === undefined || this.#left?.isNothingAfter(state)) continue;
      node.sites = [];
      node.next = [];
      delete node.branch;
      if (this.#joined) return { index, state: copyState(state), node };
      this.#states[index] = undefined;
      return { index, state, node };
    }
    return undefined;
  }

  /** Notes what every kernel comes to from the start, after that was made. */
  begin(): void {
    this.#isCertain[0] = true;
    this.#spread(0);
  }

  /** Notes what every kernel comes to, after a node was followed. */
  followed(index: number): void {
    if (this.#isCertain[index]) this.#spread(index);
  }

  #spread(from: number): void {
    const ways = [from];
    for (let index = ways.pop(); index !== undefined; index = ways.pop()) {
      const node = this.nodes[index];
      for (const site of node?.sites ?? []) this.#left?.settle(this.#siteKeys[site] ?? '');
      for (const next of node?.next ?? []) {
        if (this.#isCertain[next]) continue;
        this.#isCertain[next] = true;
        this.#open.prefer(next);
        ways.push(next);
      }
    }
  }

  /** A node without a state of its own. */
  addNode(): { index: number; node: RawNode } {
    this.#states.push(undefined);
    const node: RawNode = { sites: [], next: [] };
    return { index: this.nodes.push(node) - 1, node };
  }

  /** Notes that a node comes to a site. */
  site(node: RawNode, key: string, site: Site): void {
    let position = this.#siteByKey.get(key);
    if (position === undefined) {
      position = this.sites.push(site) - 1;
      this.#siteKeys.push(key);
      this.#siteByKey.set(key, position);
    }
    if (!node.sites.includes(position)) node.sites.push(position);
  }

  /** Goes on in several states, of which values of the kernel decide which one is right. */
  split(node: RawNode, [first, ...others]: Split): void {
    if (first === undefined) return;
    const { condition, state } = first;
    if (condition === undefined) {
      node.next.push(this.intern(state));
      return;
    }
    const rest = (): number => {
      const { index, node: inner } = this.addNode();
      this.split(inner, others);
      return index;
    };
    const [a, b] = [this.resolve(condition.a), this.resolve(condition.b)];
    this.decide(node, condition.op, a, b, () => this.intern(state), rest);
  }

  /** Asks for the values of variables that were made without asking. */
  resolve(value: Value): Value {
    if (value.kind !== 'symbolic') return value;
    return this.#resolveExpression(value.expression) ?? value;
  }

  #resolveExpression(expression: Expression): Value | undefined {
    if (expression.kind === 'constant') return known(expression.value);
    if (expression.kind === 'variable') return this.bind(expression.variable);
    const parts = expression.args.map((part) => this.#resolveExpression(part));
    const [a, b] = parts;
    if (a === undefined || (expression.args.length > 1 && b === undefined)) return undefined;
    return apply(expression.op, a, b);
  }

  /** Goes on one way or the other: by what is known, by a value of the kernel, or both where nobody knows. */
  decide(node: RawNode, op: string, a: Value, b: Value, then: () => number, otherwise: () => number): void {
    const taken = decideNow(op, a, b);
    const [left, right] = [toExpression(a), toExpression(b)];
    if (taken !== undefined) node.next.push(taken ? then() : otherwise());
    else if (left && right) node.branch = { op, args: [left, right], holds: then(), fails: otherwise() };
    else node.next.push(then(), otherwise());
  }

  /** Goes on one way where the verifier has an ability, and otherwise the other. */
  whereAble(node: RawNode, ability: string, able: () => number, otherwise: (node: RawNode) => unknown): void {
    const { op, a, b } = hasAbility(ability);
    this.decide(node, op, this.resolve(a), b, able, () => {
      const { index, node: inner } = this.addNode();
      otherwise(inner);
      return index;
    });
  }

  /** Leaves out what cannot matter any more. */
  forget(state: MachineState): void {
    const frame = innermost(state);
    const image = this.image.function(frame.function);
    const relevant = image?.relevant[state.at] ?? 0;
    for (let register = 0; register < state.registers.length; register++) {
      if ((relevant & (1 << register)) === 0) state.registers[register] = UNKNOWN;
    }
    for (const { function: index, stack } of state.frames) {
      const use = this.image.function(index)?.stackUse;
      if (use) stack.keepOnly(use);
    }
  }

  /** The node of a state, which the caller must not use any more. */
  intern(copy: MachineState): number {
    if (this.#left?.isNothingAfter(copy)) return (this.#nothing ??= this.addNode().index);
    this.forget(copy);
    renumberIds(copy);
    const key = this.#joined ? placeKey(copy) : stateKey(copy, this.codes);
    const existing = this.#byKey.get(key);
    if (existing === undefined) {
      const index = this.nodes.push({ sites: [], next: [] }) - 1;
      this.#states.push(copy);
      this.#byKey.set(key, index);
      this.#keyText += key.length;
      this.#push(index);
      return index;
    }
    const before = this.#states[existing];
    if (this.#joined && before !== undefined && joinStates(before, copy)) this.#push(existing);
    return existing;
  }

  #push(index: number): void {
    const state = this.#states[index];
    const place = state === undefined ? 0 : innermost(state).function * 2 ** 24 + state.at;
    this.#open.add(index, { fresh: !this.#places.has(place), certain: this.#isCertain[index] === true });
    this.#places.add(place);
  }
}

/** Whether the jump is taken, where that is known without knowing the kernel. */
function decideNow(op: string, a: Value, b: Value): boolean | undefined {
  if (a.kind === 'known' && b.kind === 'known') return compare(op, a.value, b.value);
  const [pointer, other] = isPointer(a) ? [a, b] : [b, a];
  const againstNull = isPointer(pointer) && other.kind === 'known' && other.value === 0n;
  if (againstNull && op === 'jeq64') return false;
  return againstNull && op === 'jne64' ? true : undefined;
}
