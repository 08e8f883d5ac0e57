import { addWays, findRefusedAccesses } from '../accesses/find-refused-accesses.ts';
import type { RefusedAccess } from '../accesses/follow-accesses.ts';
import { findProgramGuards, type Parameters, type ProgramGuards } from '../guards/program-guards.ts';
import type { Site } from '../guards/exploration.ts';
import { keyOfSite } from '../guards/program-sites.ts';
import type { Effort } from '../guards/explore.ts';
import type { BpfExtern, BpfFunction, BpfObject, BpfProgram } from '../object/bpf-object.ts';
import { CLASS, type Instruction } from '../object/instruction.ts';
import { contextSites, type ContextSite } from './context-requirements.ts';

/** Relocations by which a program can ask what the kernel has: where nothing matches they give 0 instead of failing. */
const ASKING_KINDS = new Set([
  'field-exists',
  'type-exists',
  'type-matches',
  'type-size',
  'type-id-target',
  'enumval-exists',
]);

/** Whether a relocation of this kind can fail at all for want of a match. */
export function canFail(kind: string): boolean {
  return !ASKING_KINDS.has(kind) && kind !== 'type-id-local';
}

/** When something in a program counts: on every kernel, on some (its guard graph says on which), or never. */
export type Reach = 'always' | 'guarded' | 'never';

/** What guards a program's requirements. */
export interface GuardedProgram {
  program: BpfProgram;
  /** Absent where the program asks the kernel nothing, or cannot be followed. */
  guards?: ProgramGuards;
  /** What it does with its context that a kernel may refuse. */
  contexts: readonly ContextSite[];
  reachOf: (site: Site) => Reach;
  /** Accesses to memory that no verifier takes. */
  accesses: readonly RefusedAccess[];
}

/** Finds out which parts of a program are guarded. */
export function guardProgram(
  object: BpfObject,
  program: BpfProgram,
  parameters: Parameters,
  effort: Effort,
): GuardedProgram {
  const guarded = guardSites(object, program, parameters, effort);
  const accesses = findRefusedAccesses({ object, program, parameters, effort });
  if (accesses.length === 0) return guarded;
  const isCertain = accesses.some(({ ways }) => ways.some((way) => way.length === 0));
  if (isCertain) return { ...guarded, accesses };
  // Without a graph there is nothing to say where they count.
  return guarded.guards ? { ...guarded, guards: withAccesses(guarded.guards, accesses), accesses } : guarded;
}

function withAccesses(guards: ProgramGuards, accesses: readonly RefusedAccess[]): ProgramGuards {
  const sites = [...guards.sites, ...accesses.map(accessSite)];
  const nodes = addWays(guards.nodes, accesses, (access) => guards.sites.length + accesses.indexOf(access));
  return { ...guards, sites, nodes };
}

/** The place of a refused access in a guard graph. */
export function accessSite({ function: index, at }: RefusedAccess): Site {
  return { kind: 'memory-access', function: index, at };
}

function guardSites(object: BpfObject, program: BpfProgram, parameters: Parameters, effort: Effort): GuardedProgram {
  const accesses: readonly RefusedAccess[] = [];
  const inContext = contextSites(object, program);
  const contexts = [...inContext.values()].flatMap((each) => [...each.values()].flat());
  if (!asksTheKernel(program, object.externs)) return { program, contexts, reachOf: () => 'always', accesses };
  const guards = findProgramGuards({ object, program, parameters, effort, sites: inContext });
  // Nothing is known about what is reached: all of it may or may not count.
  if (guards === undefined) return { program, contexts, reachOf: () => 'guarded', accesses };
  const keys = guards.sites.map(keyOfSite);
  const always = new Set((guards.nodes[0]?.sites ?? []).map((site) => keys[site]));
  const reached = new Set(guards.nodes.flatMap(({ sites }) => sites.map((site) => keys[site])));
  const reachOf = (site: Site): Reach => {
    const key = keyOfSite(site);
    if (always.has(key)) return guards.approximate ? 'guarded' : 'always';
    return reached.has(key) ? 'guarded' : 'never';
  };
  return { program, guards, contexts, reachOf, accesses };
}

/** Whether the program holds anything about the kernel that it could branch on. */
function asksTheKernel(program: BpfProgram, externs: readonly BpfExtern[]): boolean {
  const askable = new Set(externs.filter((extern) => extern.kind === 'kconfig' || extern.weak).map(({ name }) => name));
  if (program.externs.some((name) => askable.has(name))) return true;
  return program.functions.some(
    (entry) => entry.relocations.some(({ kind }) => kind !== 'type-id-local') || readsConstantFlag(entry),
  );
}

/** Whether a `const volatile` variable is read: its address is loaded and a load follows through the same register. */
function readsConstantFlag(entry: BpfFunction): boolean {
  for (const [at, reference] of entry.references) {
    if (reference.kind !== 'map' || !reference.map.startsWith('.rodata')) continue;
    const register = entry.instructions[at]?.destination;
    const next = entry.instructions.slice(at + 2, at + 10);
    if (next.some((instruction) => isLoadThrough(instruction, register))) return true;
  }
  return false;
}

function isLoadThrough(instruction: Instruction, register: number | undefined): boolean {
  return (instruction.code & 7) === CLASS.ldx && instruction.source === register;
}
