import {
  createCoreResolver,
  deriveRequirements,
  parseBtf,
  readBpfObject,
  relocatedInstruction,
  type BpfFunction,
  type Btf,
  type CoreModule,
  type CoreLoader,
  type CoreOutcome,
  type CoreResolved,
  type CoreRelocationRecord,
  type CoreRelocationRequirement,
} from '../../src/index.ts';
import type { Instruction } from '../../src/object/instruction.ts';
import { addCoreRequirements } from '../../src/requirements/core-requirements.ts';
import { keyOfSite } from '../../src/guards/program-sites.ts';
import { RequirementSet } from '../../src/requirements/requirement.ts';
import type { CoreDecision } from './core-driver.ts';

const MODES: Readonly<Record<number, number>> = { 1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18 };

/** A target as a loader sees it. */
export interface CoreTarget {
  kernel: Btf;
  modules?: readonly CoreModule[];
}

/** A relocation that the loader looks at, with its place. */
export interface PlacedRelocation {
  entry: BpfFunction;
  record: CoreRelocationRecord;
}

/** The relocations that a loader looks at, in its order: not those of programs that are not loaded. */
export function loadedRelocations(bytes: Uint8Array): { local: Btf | undefined; placed: PlacedRelocation[] } {
  const object = readBpfObject(bytes);
  const left = new Set(object.programs.filter(({ autoload }) => !autoload).map(({ functions }) => functions[0]));
  const byRecord = new Map(object.functions.flatMap((entry) => entry.relocations.map((record) => [record, entry])));
  const placed = (object.btfExt?.relocations ?? []).flatMap((record) => {
    const entry = byRecord.get(record);
    return entry === undefined || left.has(entry) ? [] : [{ entry, record }];
  });
  return { local: object.btf, placed };
}

/** Our decisions over a whole object, in the words of the driver. */
export function decideFromObject(bytes: Uint8Array, target: CoreTarget, loader: CoreLoader): Map<string, CoreDecision> {
  const { local, placed } = loadedRelocations(bytes);
  const decisions = new Map<string, CoreDecision>();
  if (local === undefined) return decisions;
  const modules = target.modules ?? [];
  const resolver = createCoreResolver(local, target.kernel, { loader, modules: () => modules });
  for (const { entry, record } of placed) {
    const outcome = resolver.resolve({ ...record, instruction: relocatedInstruction(entry, record) });
    const decision = wordDecision(outcome, entry, record, modules);
    decisions.set(`${entry.name}#${record.index}`, decision);
    if (decision.action === 'error') break;
  }
  return decisions;
}

/**
 * The same decisions from what the index holds alone: each requirement is resolved once, in the order of the list, against the minimal
 * types; each relocation then has the outcome of its requirement. Those of functions that no program reaches are in no index.
 */
export function decideFromIndex(bytes: Uint8Array, target: CoreTarget, loader: CoreLoader): Map<string, CoreDecision> {
  const object = readBpfObject(bytes);
  const decisions = new Map<string, CoreDecision>();
  const programs = object.programs.filter(({ autoload }) => autoload);
  const set = new RequirementSet();
  const always = programs.map((program) => ({
    program,
    contexts: [],
    accesses: [],
    reachOf: () => 'always' as const,
  }));
  const { bySite, types } = addCoreRequirements(object, always, set);
  // A section name that libbpf does not know gives no index, but its relocations can be compared all the same.
  const known = programs.every(({ attachment }) => attachment.type !== 'unspec');
  const requirements = known ? deriveRequirements(object).requirements : set.list();
  const modules = target.modules ?? [];
  const resolver = createCoreResolver(parseBtf(types), target.kernel, { loader, modules: () => modules });
  const outcomes = new Map<string, CoreOutcome>();
  for (const requirement of requirements) {
    if (requirement.kind !== 'core-relocation') continue;
    const { relocation: kind, spec, accessSize } = requirement;
    const instruction = { form: accessSize === undefined ? 'alu' : 'memory', memorySize: accessSize ?? 0 } as const;
    outcomes.set(keyOf(requirement), resolver.resolve({ kind, typeId: spec[0], access: spec[1], instruction }));
  }
  for (const [index, entry] of object.functions.entries()) {
    for (const [position, record] of entry.relocations.entries()) {
      const requirement = bySite.get(keyOfSite({ kind: 'relocation', function: index, record: position }));
      const outcome = requirement === undefined ? undefined : outcomes.get(keyOf(requirement));
      if (outcome !== undefined)
        decisions.set(`${entry.name}#${record.index}`, wordDecision(outcome, entry, record, modules));
    }
  }
  return decisions;
}

function keyOf({ relocation, spec, accessSize }: CoreRelocationRequirement): string {
  return [relocation, ...spec, accessSize ?? ''].join(' ');
}

function wordDecision(
  outcome: CoreOutcome,
  entry: BpfFunction,
  record: CoreRelocationRecord,
  modules: readonly CoreModule[],
): CoreDecision {
  const place = ({ id, module }: { id: number; module?: string }): string =>
    module === undefined ? `${id}` : `${modules.findIndex(({ name }) => name === module)}:${id}`;
  const matched = outcome.candidates.filter(({ mismatch }) => mismatch === undefined);
  const candidates = outcome.candidates.map(place);
  const action = wordAction(outcome, entry, record);
  const left = matched.length > 0 ? matched.map(place) : candidates;
  return { candidates, left: action === 'error' ? undefined : left, action };
}

function wordAction(outcome: CoreOutcome, entry: BpfFunction, record: CoreRelocationRecord): string {
  if (outcome.kind !== 'resolved') return outcome.kind;
  const at = (record.offset - entry.offset) / 8;
  const words = patch(outcome, entry.instructions.slice(at, at + 2));
  return words === undefined ? 'error' : `${outcome.value} ${words}`;
}

/** The patched instruction as little-endian words (libbpf bpf_core_patch_insn); undefined where another value stands in it. */
function patch(outcome: CoreResolved, [first, second]: Instruction[]): string | undefined {
  if (first === undefined) return undefined;
  const kind = first.code & 7;
  const wide = first.code === 0x18;
  const memory = kind === 1 || kind === 2 || kind === 3;
  const now = memory ? first.offset : wide ? join64(first, second) : first.immediate;
  if (outcome.validate && BigInt.asUintN(64, BigInt(now)) !== outcome.originalValue) return undefined;
  const size = outcome.memorySize;
  const changed: Instruction = {
    ...first,
    ...(memory ? { offset: Number(outcome.value) } : { immediate: Number(BigInt.asIntN(32, outcome.value)) }),
    ...(memory && size !== undefined ? { code: (first.code & 0xe7) | (MODES[size.to] ?? 0) } : {}),
  };
  const head = (changed.code | (changed.destination << 8) | (changed.source << 12) | (changed.offset << 16)) >>> 0;
  const words = [head, changed.immediate >>> 0, ...(wide ? [Number(outcome.value >> 32n)] : [])];
  return words.map((word) => word.toString(16).padStart(8, '0')).join(' ');
}

function join64(first: Instruction, second: Instruction | undefined): bigint {
  return (BigInt((second?.immediate ?? 0) >>> 0) << 32n) | BigInt(first.immediate >>> 0);
}
