import { BpfObjectError } from '../errors.ts';
import { prototypeText } from '../btf/function-shape.ts';
import type { BpfExtern, BpfMap, BpfObject, BpfProgram, StructOps } from '../object/bpf-object.ts';
import type { Site } from '../guards/exploration.ts';
import { Effort, KFUNC_ADDRESS } from '../guards/explore.ts';
import type { GuardGraph } from '../guards/guard-graph.ts';
import type { Parameters } from '../guards/program-guards.ts';
import { keyOfSite } from '../guards/program-sites.ts';
import { writeGuardGraph } from '../guards/write-graph.ts';
import { helperName, helperNumber } from '../object/helper-names.ts';
import { accessRequirement, addAccessRequirements } from './access-requirements.ts';
import { contextRequirement } from './context-requirements.ts';
import { addCoreRequirements } from './core-requirements.ts';
import { functionFeatures } from './function-features.ts';
import { mapSizeFeatures } from './map-size-features.ts';
import { helperForm } from './helper-form.ts';
import { guardProgram, type GuardedProgram } from './guards.ts';
import { addRules } from './program-rules.ts';
import { RequirementSet, type Requirement } from './requirement.ts';

/** Options of {@link deriveRequirements}. */
export interface DeriveOptions {
  /** Names of the programs that will be loaded. Default: all but those of `SEC("?…")`. */
  programs?: readonly string[];
  /** Names of `const volatile` variables that are set when the object is loaded. Default: none, all keep the object's values. */
  parameters?: readonly string[];
}

/** What an object needs of a kernel. */
export interface DerivedRequirements {
  /** Deduplicated, in canonical order; plain JSON. */
  requirements: Requirement[];
  /** Minimal BTF that the `spec` of core-relocation requirements points into. The same object gives the same bytes. */
  types: Uint8Array;
  /** One for each program with guarded requirements that could be followed, in the order of the programs. */
  guards: GuardGraph[];
}

/** libbpf puts the older helper in place of the newer one where a kernel lacks that (bpf_program_load → sanitize_insn). */
const REPLACED_HELPERS: ReadonlyMap<string, string> = new Map([
  ['bpf_probe_read_kernel', 'bpf_probe_read'],
  ['bpf_probe_read_user', 'bpf_probe_read'],
  ['bpf_probe_read_kernel_str', 'bpf_probe_read_str'],
  ['bpf_probe_read_user_str', 'bpf_probe_read_str'],
]);

/** Attach types that came later than their program type. */
const ATTACH_FEATURES: ReadonlyMap<string, string> = new Map([
  ['modify_return', 'fmod-ret'],
  ['trace_iter', 'iter'],
  ['lsm_cgroup', 'lsm-cgroup'],
  ['tcx_ingress', 'tcx'],
  ['tcx_egress', 'tcx'],
  ['netkit_primary', 'netkit'],
  ['netkit_peer', 'netkit'],
  ['trace_kprobe_multi', 'kprobe-multi'],
  ['trace_kprobe_session', 'kprobe-session'],
  ['trace_uprobe_multi', 'uprobe-multi'],
  ['trace_uprobe_session', 'uprobe-session'],
  ['lsm_cgroup', 'lsm-cgroup'],
]);

/** Programs that kernels let sleep later than fentry and LSM programs, by hook, or by type where the hook has no target: uprobe.s. */
const SLEEPABLE_LATER: ReadonlyMap<string, string> = new Map([
  ['kprobe', 'sleepable-uprobe'],
  ['iter', 'sleepable-iter'],
  ['btf-tracepoint', 'sleepable-btf-tracepoint'],
]);

/** Program types whose programs name a function or type of the kernel's own BTF. */
const BTF_HOOKS = new Set(['btf-tracepoint', 'fentry', 'fexit', 'fmod-ret', 'lsm', 'lsm-cgroup', 'iter', 'struct-ops']);

/**
 * What the object needs of a kernel, as far as the object itself says it; what only a verifier can say is not in it.
 * Errors: `ERR_PROGRAM_TYPE_UNKNOWN`, `ERR_CORE_RELOCATION_INVALID`.
 */
export function deriveRequirements(object: BpfObject, options: DeriveOptions = {}): DerivedRequirements {
  const wanted = options.programs;
  const programs = object.programs.filter(({ name, autoload }) =>
    wanted === undefined ? autoload : wanted.includes(name),
  );
  const requirements = new RequirementSet();
  const parameters = findParameters(object, options.parameters ?? []);
  const effort = new Effort();
  const guarded = programs.map((program) => guardProgram(object, program, parameters, effort));
  for (const program of guarded) {
    addProgram(requirements, program);
    addAccessRequirements(requirements, object, program);
  }
  for (const program of programs) addRules(requirements, object, program, effort);
  addMaps(requirements, object, programs);
  addExterns(requirements, object, guarded);
  const { types, bySite } = addCoreRequirements(object, guarded, requirements);
  return { requirements: requirements.list(), types, guards: writeGuards(object, guarded, requirements, bySite) };
}

function writeGuards(
  object: BpfObject,
  programs: readonly GuardedProgram[],
  requirements: RequirementSet,
  bySite: ReadonlyMap<string, Requirement>,
): GuardGraph[] {
  const find = requirements.positions();
  const list = requirements.list();
  const guardsSomething = (program: string): boolean =>
    list.some((requirement) => 'guarded' in requirement && (requirement.guarded ?? []).includes(program));
  return programs.flatMap(({ program, guards, accesses }): GuardGraph[] => {
    if (guards === undefined) return [];
    const graph = writeGuardGraph(object, program.name, guards, (site) => {
      const requirement =
        site.kind === 'memory-access'
          ? accessRequirement(object, accesses, site)
          : requirementOf(site, program, object, bySite);
      return requirement && find(requirement);
    });
    return guardsSomething(program.name) ? [graph] : [];
  });
}

function requirementOf(
  site: Exclude<Site, { kind: 'memory-access' }>,
  program: BpfProgram,
  object: BpfObject,
  bySite: ReadonlyMap<string, Requirement>,
): Requirement | undefined {
  if (site.kind === 'relocation') return bySite.get(keyOfSite(site));
  if (site.kind === 'kfunc') {
    const extern = object.externs.find(({ name }) => name === site.name);
    return extern && kfuncRequirement(object, extern, program);
  }
  if (site.kind === 'return') return undefined;
  if (site.kind === 'context') return contextRequirement(program, site);
  if (site.kind === 'feature') return featureRequirement(site.name);
  const name = helperName(site.number);
  return name === undefined ? undefined : helperRequirement(name, program);
}

function featureRequirement(value: string): Requirement {
  return { kind: 'feature', value };
}

function addProgram(requirements: RequirementSet, { program, guards, contexts, reachOf }: GuardedProgram): void {
  const { name, attachment } = program;
  if (attachment.type === 'unspec') {
    throw new BpfObjectError(
      'ERR_PROGRAM_TYPE_UNKNOWN',
      `program ${name}: libbpf knows no program type for this section`,
      {
        section: program.section,
        offset: program.functions[0]?.offset ?? 0,
        rule: 'docs.kernel.org, "Program Types and ELF Sections"',
        hint: 'Name the section as libbpf does, e.g. SEC("raw_tp/sched_process_exec") or SEC("xdp").',
      },
    );
  }
  requirements.add({ kind: 'program-type', value: attachment.type, programs: [] }, [name]);
  for (const helper of program.helpers) {
    const number = helperNumber(helper);
    const reach = number === undefined ? 'always' : reachOf({ kind: 'helper', number });
    // A call that the verifier never comes to is never looked at.
    if (reach !== 'never') requirements.add(helperRequirement(helper, program), [name], reach === 'guarded');
  }
  if (attachment.hook !== undefined && attachment.target !== undefined) {
    requirements.add({ kind: 'attach-target', hook: attachment.hook, value: attachment.target, programs: [] }, [name]);
  }
  for (const site of contexts) {
    const requirement = site.kind === 'context' ? contextRequirement(program, site) : featureRequirement(site.name);
    const reach = reachOf(site);
    if (requirement && reach !== 'never') requirements.add(requirement, [name], reach === 'guarded');
  }
  const address = reachOf({ kind: 'feature', name: KFUNC_ADDRESS });
  if (guards && address !== 'never') {
    requirements.add({ kind: 'feature', value: KFUNC_ADDRESS }, [name], address === 'guarded');
  }
  for (const feature of programFeatures(program)) requirements.add({ kind: 'feature', value: feature }, [name]);
}

function helperRequirement(helper: string, { attachment }: BpfProgram): Requirement {
  const orElse = REPLACED_HELPERS.get(helper);
  const replaced = orElse === undefined ? {} : { orElse };
  const form = helperForm(helper, attachment);
  const loaded = { programType: attachment.type, ...(form === undefined ? {} : { form }) };
  return { kind: 'helper', value: helper, ...loaded, ...replaced, programs: [] };
}

function programFeatures({ attachment, functions, helpers }: BpfProgram): Set<string> {
  const features = new Set<string>();
  if (attachment.xdpFrags) features.add('xdp-frags');
  // A syscall program is always sleepable: its type says so already.
  if (attachment.sleepable && attachment.type !== 'syscall') {
    features.add('sleepable');
    const later = SLEEPABLE_LATER.get(attachment.hook ?? attachment.type);
    if (later !== undefined) features.add(later);
  }
  const attach = ATTACH_FEATURES.get(attachment.attachType ?? '');
  if (attach !== undefined) features.add(attach);
  if (attachment.hook !== undefined && BTF_HOOKS.has(attachment.hook)) features.add('kernel-btf');
  for (const entry of functions) for (const feature of functionFeatures(entry)) features.add(feature);
  // Some machines' compilers in the kernel cannot do both in one program.
  if (features.has('subprogram-calls') && helpers.includes('bpf_tail_call')) features.add('tail-call-in-subprogram');
  return features;
}

function addMaps(requirements: RequirementSet, object: BpfObject, programs: readonly BpfProgram[]): void {
  const used = new Set(programs.flatMap(({ maps, externs }) => [...maps, ...(externs.length > 0 ? ['.kconfig'] : [])]));
  const names = programs.map(({ name }) => name);
  // The loader makes maps of global data only for programs that use them.
  const isMade = (map: BpfMap): boolean => !map.internal || used.has(map.name);
  for (const value of names.length > 0 ? mapSizeFeatures(object, isMade) : [])
    requirements.add({ kind: 'feature', value }, names);
  for (const map of object.maps.filter(isMade)) {
    addMapType(requirements, map, map.name);
    if (map.structOps) addStruct(requirements, map.structOps, names);
  }
}

/** The loader looks for the struct before it loads any program (libbpf bpf_object__init_kern_struct_ops_maps), where it knows the section. */
function addStruct(
  requirements: RequirementSet,
  { type: value, programs, members, link }: StructOps,
  names: readonly string[],
): void {
  const own = names.filter((name) => !link || programs.includes(name));
  const others = names.filter((name) => !own.includes(name));
  const used = members.length > 0 ? { members: [...members].sort() } : {};
  const target = { kind: 'attach-target', hook: 'struct-ops', value, ...used, programs: [] } as const;
  if (own.length > 0) {
    requirements.add({ ...target, programs: [] }, own);
    requirements.add({ kind: 'feature', value: 'kernel-btf' }, own);
  }
  if (others.length > 0) requirements.add({ ...target, loader: 'struct-ops-links', programs: [] }, others);
}

function addMapType(requirements: RequirementSet, map: BpfMap, owner: string): void {
  requirements.add({ kind: 'map-type', value: map.type, maps: [] }, [owner]);
  if (map.inner !== undefined) addMapType(requirements, map.inner, owner);
}

/** Every extern counts, whichever program refers to it: libbpf resolves them for the object as a whole. */
function addExterns(requirements: RequirementSet, object: BpfObject, guarded: readonly GuardedProgram[]): void {
  for (const extern of object.externs) {
    const { name, kind, weak, typed } = extern;
    const users = object.programs.filter((program) => program.externs.includes(name)).map((program) => program.name);
    // libbpf answers names such as LINUX_HAS_BPF_COOKIE itself, on every kernel.
    if (users.length === 0 || (kind === 'kconfig' && !/^(CONFIG_|LINUX_KERNEL_VERSION$)/.test(name))) continue;
    if (kind === 'kconfig') requirements.add({ kind, value: name, weak, programs: [] }, users);
    else if (kind === 'ksym') requirements.add({ kind, value: name, typed, weak, programs: [] }, users);
    else addKernelFunction(requirements, object, extern, guarded);
    if (kind !== 'kconfig' && typed && !weak) requirements.add({ kind: 'feature', value: 'kernel-btf' }, users);
  }
}

/**
 * The loader looks for a strong function whichever program refers to it; that programs of its type may call it counts where a program that is
 * loaded comes to the call. A weak one that is missing lets the object load, as long as its call is not reached.
 */
function addKernelFunction(
  requirements: RequirementSet,
  object: BpfObject,
  extern: BpfExtern,
  guarded: readonly GuardedProgram[],
): void {
  const { name, weak } = extern;
  const loaded = new Map(guarded.map((each) => [each.program.name, each]));
  for (const program of object.programs) {
    if (!program.externs.includes(name)) continue;
    const reach = loaded.get(program.name)?.reachOf({ kind: 'kfunc', name }) ?? 'never';
    if (weak && !loaded.has(program.name)) continue;
    requirements.add(kfuncRequirement(object, extern, program), [program.name], reach !== 'always');
  }
}

function kfuncRequirement({ btf }: BpfObject, { name, weak, typeId }: BpfExtern, program: BpfProgram): Requirement {
  const declared = btf?.type(typeId);
  const prototype = btf && declared?.kind === 'func' ? prototypeText(btf, declared.type) : undefined;
  return {
    kind: 'kfunc',
    value: name,
    weak,
    programType: program.attachment.type,
    ...(prototype === undefined ? {} : { prototype }),
    programs: [],
  };
}

/** Where load parameters lie in read-only data. */
function findParameters(object: BpfObject, names: readonly string[]): Parameters {
  const wanted = new Set(names);
  const found = new Map<string, { map: string; offset: number; size: number }>();
  for (const { name, map, offset, size } of wanted.size > 0 ? object.variables : []) {
    if (wanted.has(name) && map.startsWith('.rodata')) found.set(name, { map, offset, size });
  }
  return found;
}
