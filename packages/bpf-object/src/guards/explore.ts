import type { BpfObject, BpfProgram } from '../object/bpf-object.ts';
import { CLASS, CODE_LOAD_IMM64 } from '../object/instruction.ts';
import { execute, type Place } from './execute.ts';
import type { Exploration, RawNode, Site } from './exploration.ts';
import { GraphBuilder } from './graph-builder.ts';
import { jump, splitOperands, UnsupportedJump } from './jumps.ts';
import { enterFunction, innermost, type MachineState } from './machine-state.ts';
import { ProgramImage, type FunctionImage } from './program-image.ts';
import { keyOfSite, ProgramSites, type SitesByPlace } from './program-sites.ts';
import { SitesLeft } from './sites-left.ts';
import { POINTER, UNSET, variable, ZERO, type Value, type Variable } from './value.ts';

/** What to explore, and how far. */
export interface ExploreOptions {
  object: BpfObject;
  program: BpfProgram;
  /** Gives a value of the kernel. Default: it stays a variable, and decisions over it become branches. */
  bind?: (variable: Variable) => Value;
  /** Load parameters: name → place in read-only data. Default: none, all read-only data is what the object says. */
  parameters?: ReadonlyMap<string, { map: string; offset: number; size: number }>;
  /** Notes what the program returns, and does not join paths where it grows too large. Default false. */
  returns?: boolean;
  /** What further counts only where it is reached: function of the object → instruction → sites. Default: none. */
  sites?: SitesByPlace;
  /** Instructions to execute before paths are joined. Default 100,000. */
  maxSteps?: number;
  /** What may be done for this program and others of the same object. Default: as much as for one object. */
  effort?: Effort;
}

/** Instructions to execute for one object, all its programs and all kinds of verifiers together. Real objects take up to 600,000. */
const MAX_EFFORT = 20_000_000;

/** What is left to do for one object: so that hostile ones come to an end, and the same object always at the same place. */
export class Effort {
  #left: number = MAX_EFFORT;

  /** Whether nothing is left. */
  get isSpent(): boolean {
    return this.#left < 0;
  }

  /** Counts one instruction. */
  step(): void {
    this.#left -= 1;
  }
}

const DEFAULT_MAX_STEPS = 100_000;
/** After so many the joined paths are asked whether anything is left to find: most long programs only repeat themselves. */
const STEPS_BETWEEN = [3_000, 15_000];
/** Beyond this even joined exploration is given up: 8 frames of 1,000,000 instructions cannot be meant. */
const MAX_JOINED_STEPS = 5_000_000;
/**
 * Follows a program as the kernel's verifier does (kernel/bpf/verifier.c, do_check): along every path, with the constants that are known on
 * it. Values that differ from kernel to kernel stay open, and decisions over them are noted.
 *
 * @returns undefined where the program cannot be followed to its end within bounds.
 */
export function explore(options: ExploreOptions): Exploration | undefined {
  const exact = new Explorer(options, false);
  const maxSteps = options.maxSteps ?? DEFAULT_MAX_STEPS;
  if (options.returns) return exact.run(maxSteps) ? exact.result() : undefined;
  let joined: Exploration | undefined;
  for (const steps of [...STEPS_BETWEEN.filter((few) => few < maxSteps), maxSteps]) {
    if (exact.run(steps)) return exact.result();
    joined ??= exploreJoined(options);
    if (joined === undefined) return undefined;
    exact.keepOnly(joined);
  }
  return exact.run(maxSteps) ? exact.result() : joined;
}

function exploreJoined(options: ExploreOptions): Exploration | undefined {
  const joined = new Explorer(options, true);
  return joined.run(MAX_JOINED_STEPS) ? joined.result() : undefined;
}

class Explorer {
  readonly #options: ExploreOptions;
  readonly #graph: GraphBuilder;
  readonly #sites: ProgramSites;
  readonly #left: SitesLeft | undefined;
  readonly #joined: boolean;
  readonly #effort: Effort;
  #steps = 0;

  constructor(options: ExploreOptions, joined: boolean) {
    this.#options = options;
    this.#joined = joined;
    this.#effort = options.effort ?? new Effort();
    const image = imageFor(options);
    this.#sites = new ProgramSites(image, options.sites);
    // What a program returns is no site of an instruction; and joined states are followed anew, after which a way that was certain may be gone.
    this.#left = options.returns || joined ? undefined : new SitesLeft(image, this.#sites, functionsOf(options));
    this.#graph = new GraphBuilder(image, options.bind ?? variable, { joined, left: this.#left });
  }

  result(): Exploration {
    const { sites, nodes } = this.#graph;
    return { sites, nodes, approximate: this.#joined };
  }

  /** Leaves out what not even joined paths come to: they come to no less than the paths do. */
  keepOnly({ sites, nodes }: Exploration): void {
    const reached = nodes.flatMap((node) => node.sites.map((site) => sites[site] as Site));
    this.#left?.keepOnly(new Set(reached.map(keyOfSite)));
  }

  /** Whether it came to an end. Called again, it goes on. */
  run(maxSteps: number): boolean {
    try {
      if (this.#steps === 0) {
        addRoots(this.#graph, this.#options);
        this.#graph.begin();
      }
      for (let next = this.#graph.takeOpen(); next !== undefined; next = this.#graph.takeOpen()) {
        this.#follow(next.state, next.node);
        this.#graph.followed(next.index);
        if (this.#steps > maxSteps || this.#effort.isSpent || this.#graph.isTooLarge) return false;
      }
      return true;
    } catch (error) {
      if (error instanceof UnsupportedJump) return false;
      throw error;
    }
  }

  /** Executes from a state to the end of its node. */
  #follow(state: MachineState, node: RawNode): void {
    const graph = this.#graph;
    let place: Place | undefined;
    for (let first = true; ; first = false) {
      const { function: index } = innermost(state);
      const image = graph.image.function(index);
      const instruction = image?.entry.instructions[state.at];
      // A program that runs off its end is none that a verifier accepts.
      if (image === undefined || instruction === undefined) return;
      // Registers that there are not; the verifier refuses the program for them.
      if (instruction.destination > 10 || instruction.source > 10) return;
      if (!first && image.joins[state.at] === 1) {
        node.next.push(graph.intern(state));
        return;
      }
      this.#steps++;
      this.#effort.step();
      if (place?.index !== index) place = this.#placeIn(image, index);
      for (const { key, site } of this.#sites.at(index, state.at)) graph.site(node, key, site);
      const kind = instruction.code & 7;
      if (kind !== CLASS.jmp && kind !== CLASS.jmp32) {
        if (splitOperands(graph, state, instruction, node)) return;
        const split = execute(state, instruction, place);
        if (split) {
          graph.split(node, split);
          return;
        }
      } else if (!jump(graph, state, instruction, place, node)) return;
    }
  }

  #placeIn(image: FunctionImage, index: number): Place {
    const { image: whole, bind, freshId } = this.#graph;
    return { image: whole, function: image, index, bind, freshId, parameterAt: this.#parameterAt };
  }

  readonly #parameterAt = (map: string, offset: number, size: number): Variable | undefined => {
    for (const [name, place] of this.#options.parameters ?? []) {
      if (place.map !== map || offset < place.offset || offset + size > place.offset + place.size) continue;
      const initial = this.#graph.image.constant(map, offset, size) ?? 0n;
      return { kind: 'parameter', name, offset: offset - place.offset, bytes: size, initial };
    }
    return undefined;
  };
}

/** The ability of programs to hold the address of a kernel function. */
export const KFUNC_ADDRESS = 'kfunc-address';

function functionsOf({ object, program }: ExploreOptions): number[] {
  return program.functions.map((entry) => object.functions.indexOf(entry));
}

/** The program's own function, where its returns are asked for, is looked at for what r0 holds at its end. */
function imageFor({ object, program, returns = false }: ExploreOptions): ProgramImage {
  const [entry] = program.functions;
  return new ProgramImage(object, returns && entry !== undefined ? object.functions.indexOf(entry) : undefined);
}

function addRoots(graph: GraphBuilder, { object, program }: ExploreOptions): void {
  const { node: root } = graph.addNode();
  const indexOf = (name: string): number => object.functions.findIndex((entry) => entry.name === name);
  const entry = program.functions[0];
  if (entry === undefined) return;
  const state = enterFunction(object.functions.indexOf(entry), [{ key: 'p', kind: 'pointer' }]);
  if (graph.image.returnsOf !== undefined) state.registers[0] = UNSET;
  root.next.push(graph.intern(state));
  addFunctionAddresses(graph, root, { object, program });
  const globals = program.functions.slice(1).filter((candidate) => candidate.global);
  if (globals.length === 0) return;
  // Older verifiers look at every global function, newer ones at those that are called from where they come.
  graph.whereAble(
    root,
    'lazy-global-functions',
    () => graph.addNode().index,
    (eager) => {
      for (const candidate of globals) eager.next.push(graph.intern(enterFunction(indexOf(candidate.name), [])));
    },
  );
}

/**
 * Addresses of kernel functions: the kernel looks at them before it looks at any path, and only newer ones allow them. One that is not
 * there is the number 0.
 */
function addFunctionAddresses(graph: GraphBuilder, root: RawNode, { object, program }: ExploreOptions): void {
  const names = new Set<string>();
  for (const { references, instructions } of program.functions) {
    for (const [at, reference] of references) {
      if (reference.kind === 'extern' && instructions[at]?.code === CODE_LOAD_IMM64) names.add(reference.name);
    }
  }
  for (const { name, kind, weak } of object.externs) {
    if (kind !== 'kfunc' || !names.has(name)) continue;
    const { index: there, node: inner } = graph.addNode();
    const site = { kind: 'feature', name: KFUNC_ADDRESS } as const;
    graph.site(inner, keyOfSite(site), site);
    const { index: part, node } = graph.addNode();
    root.next.push(part);
    const address = weak ? graph.bind({ kind: 'symbol', name, type: 'function' }) : POINTER;
    graph.decide(
      node,
      'jne64',
      address,
      ZERO,
      () => there,
      () => graph.addNode().index,
    );
  }
}
