import type { CoreRelocationRecord } from '../btf-ext/parse-btf-ext.ts';
import { BtfBuilder } from '../btf/btf-builder.ts';
import type { Btf } from '../btf/btf.ts';
import { typeName } from '../btf/type-name.ts';
import { RelocationAbort, type CoreRelocation, type RelocatedInstruction } from '../core/relocation.ts';
import { formatAccess, parseSpec } from '../core/spec.ts';
import { BpfObjectError } from '../errors.ts';
import type { BpfFunction, BpfObject } from '../object/bpf-object.ts';
import { CLASS, CODE_LOAD_IMM64, INSTRUCTION_SIZE } from '../object/instruction.ts';
import { keyOfSite } from '../guards/program-sites.ts';
import { canFail, type GuardedProgram } from './guards.ts';
import { buildMinimalTypes } from './minimal-types.ts';
import type { CoreRelocationRequirement, RequirementSet } from './requirement.ts';

/** A relocation of one program, described. */
interface Use {
  relocation: CoreRelocation;
  instruction: RelocatedInstruction;
  type: string;
  access: string;
  guarded: boolean;
  program: string;
  /** Key of the place in the program. */
  site: string;
}

const MEMORY_SIZES = [4, 2, 1, 8];

/** The relocated instruction. Errors: `ERR_CORE_RELOCATION_INVALID` where no loader could patch it. */
export function relocatedInstruction(entry: BpfFunction, record: CoreRelocationRecord): RelocatedInstruction {
  const instruction = entry.instructions[(record.offset - entry.offset) / INSTRUCTION_SIZE];
  const code = instruction?.code ?? 0;
  const kind = code & 7;
  if (kind === CLASS.ldx || kind === CLASS.st || kind === CLASS.stx) {
    return { form: 'memory', memorySize: MEMORY_SIZES[(code >> 3) & 3] ?? 0 };
  }
  if ((kind === CLASS.alu || kind === CLASS.alu64) && (code & 8) === 0) return { form: 'alu', memorySize: 0 };
  if (code === CODE_LOAD_IMM64) return { form: 'imm64', memorySize: 0 };
  throw new BpfObjectError(
    'ERR_CORE_RELOCATION_INVALID',
    `${entry.name}: an instruction of code 0x${code.toString(16)} cannot be relocated`,
    {
      section: entry.section,
      offset: record.offset,
      rule: 'libbpf bpf_core_patch_insn',
    },
  );
}

/** What the relocations of a set of programs come to. */
export interface CoreRequirements {
  /** The minimal types that the requirements refer to. */
  types: Uint8Array;
  /** {@link keyOfSite} of a relocation → its requirement. */
  bySite: Map<string, CoreRelocationRequirement>;
}

/** Adds the requirements of the programs' CO-RE relocations. */
export function addCoreRequirements(
  object: BpfObject,
  programs: readonly GuardedProgram[],
  requirements: RequirementSet,
): CoreRequirements {
  const { btf } = object;
  if (btf === undefined) return { types: new BtfBuilder().bytes(), bySite: new Map() };
  const indexes = new Map(object.functions.map((entry, index) => [entry, index]));
  const uses = programs.flatMap((program) => usesOf(btf, program, indexes));
  uses.sort((a, b) => compareText(describe(a), describe(b)) || a.relocation.typeId - b.relocation.typeId);
  const types = buildMinimalTypes(
    btf,
    uses.map(({ relocation }) => relocation),
  );
  const places = new Map<CoreRelocation, number>(object.btfExt?.relocations.map((record, place) => [record, place]));
  const bySite = new Map<string, CoreRelocationRequirement>();
  for (const use of uses) {
    const requirement = toRequirement(use, types.locate(use.relocation));
    bySite.set(use.site, requirement);
    requirements.add(requirement, [use.program], use.guarded, places.get(use.relocation));
    requirements.add({ kind: 'feature', value: 'kernel-btf' }, [use.program]);
  }
  return { types: types.bytes, bySite };
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function describe(use: Use): string {
  return [use.type, use.access, use.relocation.kind].join('\0');
}

function usesOf(btf: Btf, { program, reachOf }: GuardedProgram, indexes: ReadonlyMap<BpfFunction, number>): Use[] {
  return program.functions.flatMap((entry) =>
    entry.relocations.flatMap((record, position): Use[] => {
      // A local type id is what the compiler says it is: it asks nothing of a kernel.
      if (record.kind === 'type-id-local') return [];
      const site = { kind: 'relocation', function: indexes.get(entry) ?? -1, record: position } as const;
      return [
        {
          ...describeRelocation(btf, entry, record),
          relocation: record,
          instruction: relocatedInstruction(entry, record),
          guarded: canFail(record.kind) && reachOf(site) !== 'always',
          program: program.name,
          site: keyOfSite(site),
        },
      ];
    }),
  );
}

function describeRelocation(
  btf: Btf,
  entry: BpfFunction,
  record: CoreRelocationRecord,
): { type: string; access: string } {
  try {
    const spec = parseSpec(btf, record);
    if (btf.nameOf(record.typeId) === '') throw new RelocationAbort('a relocation needs a named type');
    return { type: typeName(btf, record.typeId), access: formatAccess(spec).replace(/^(\.|::)/, '') };
  } catch (error) {
    if (!(error instanceof RelocationAbort)) throw error;
    throw new BpfObjectError(
      'ERR_CORE_RELOCATION_INVALID',
      `${entry.name}: relocation ${record.index}: ${error.message}`,
      {
        section: entry.section,
        offset: record.offset,
        rule: 'libbpf bpf_core_parse_spec',
        cause: error,
      },
    );
  }
}

function toRequirement(use: Use, spec: [number, string]): CoreRelocationRequirement {
  return {
    kind: 'core-relocation',
    relocation: use.relocation.kind,
    type: use.type,
    access: use.access,
    spec,
    ...(use.instruction.form === 'memory' ? { accessSize: use.instruction.memorySize } : {}),
    programs: [],
  };
}
