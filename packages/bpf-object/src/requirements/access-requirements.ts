import type { RefusedAccess } from '../accesses/follow-accesses.ts';
import type { Btf } from '../btf/btf.ts';
import { BpfObjectError } from '../errors.ts';
import type { BpfFunction, BpfObject } from '../object/bpf-object.ts';
import { INSTRUCTION_SIZE } from '../object/instruction.ts';
import type { GuardedProgram } from './guards.ts';
import type { MemoryAccessRequirement, RequirementSet } from './requirement.ts';

/** Adds the accesses to memory that no verifier takes. */
export function addAccessRequirements(
  requirements: RequirementSet,
  object: BpfObject,
  { program, accesses }: GuardedProgram,
): void {
  for (const access of accesses) {
    const requirement = describeAccess(object, access);
    const isGuarded = access.ways.every((way) => way.length > 0);
    if (requirement) requirements.add(requirement, [program.name], isGuarded);
  }
}

/** The requirement of one of the accesses, by its place. */
export function accessRequirement(
  object: BpfObject,
  accesses: readonly RefusedAccess[],
  place: Pick<RefusedAccess, 'function' | 'at'>,
): MemoryAccessRequirement | undefined {
  const access = accesses.find((each) => each.function === place.function && each.at === place.at);
  return access && describeAccess(object, access);
}

function describeAccess(
  object: BpfObject,
  { function: index, at, memory, fault }: RefusedAccess,
): MemoryAccessRequirement | undefined {
  const entry = object.functions[index];
  if (entry === undefined) return undefined;
  const source = sourceOf(object, entry, at);
  return {
    kind: 'memory-access',
    function: entry.name,
    instruction: at,
    ...(source === undefined ? {} : { source }),
    memory,
    fault,
    programs: [],
  };
}

/** File and line of an instruction. Without the folder: the same source gives the same text wherever it was compiled. */
function sourceOf({ btf, btfExt }: BpfObject, entry: BpfFunction, at: number): string | undefined {
  const offset = entry.offset + at * INSTRUCTION_SIZE;
  const before = btfExt?.lines.filter(
    (record) => record.section === entry.section && record.offset >= entry.offset && record.offset <= offset,
  );
  const last = before?.reduce((a, b) => (b.offset >= a.offset ? b : a), before[0] as (typeof before)[number]);
  // Line 0: the compiler put several places together.
  if (btf === undefined || last === undefined || last.line === 0) return undefined;
  const name = fileName(btf, last.fileNameOffset)?.replace(/^.*\//, '') ?? '';
  return /^[\w.+-]{1,200}$/.test(name) ? `${name}:${last.line}` : undefined;
}

/** Longest path that the kernel knows (include/uapi/linux/limits.h, PATH_MAX). */
const MAX_PATH = 4096;

/** The line is for people: an object whose lines name no files is described all the same. */
function fileName(btf: Btf, offset: number): string | undefined {
  try {
    return btf.text(offset, MAX_PATH);
  } catch (error) {
    if (error instanceof BpfObjectError) return undefined;
    throw error;
  }
}
