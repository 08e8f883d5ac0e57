import { BpfObjectError } from '../errors.ts';
import type { BpfMap, BpfObject, BpfProgram } from '../object/bpf-object.ts';
import { addCoreRequirements } from './core-requirements.ts';
import { functionFeatures } from './function-features.ts';
import { RequirementSet, type Requirement } from './requirement.ts';

/** Options of {@link deriveRequirements}. */
export interface DeriveOptions {
  /** Names of the programs that will be loaded. Default: all but those of `SEC("?…")`. */
  programs?: readonly string[];
}

/** What an object needs of a kernel. */
export interface DerivedRequirements {
  /** Deduplicated, in canonical order; plain JSON. */
  requirements: Requirement[];
  /** Minimal BTF that the `spec` of core-relocation requirements points into. The same object gives the same bytes. */
  types: Uint8Array;
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
  ['tcx_ingress', 'tcx'],
  ['tcx_egress', 'tcx'],
  ['netkit_primary', 'netkit'],
  ['netkit_peer', 'netkit'],
  ['trace_kprobe_multi', 'kprobe-multi'],
  ['trace_kprobe_session', 'kprobe-session'],
  ['trace_uprobe_multi', 'uprobe-multi'],
  ['trace_uprobe_session', 'uprobe-session'],
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
  for (const program of programs) addProgram(requirements, program);
  addMaps(requirements, object, programs);
  addExterns(requirements, object);
  const types = addCoreRequirements(object, programs, requirements);
  return { requirements: requirements.list(), types };
}

function addProgram(requirements: RequirementSet, program: BpfProgram): void {
  const { name, attachment } = program;
  if (attachment.type === 'unspec') {
    throw new BpfObjectError(
      'ERR_PROGRAM_TYPE_UNKNOWN',
      `program ${name}: libbpf knows no program type for this section`,
      {
        section: program.section,
        rule: 'docs.kernel.org, "Program Types and ELF Sections"',
        hint: 'Name the section as libbpf does, e.g. SEC("raw_tp/sched_process_exec") or SEC("xdp").',
      },
    );
  }
  requirements.add({ kind: 'program-type', value: attachment.type, programs: [] }, [name]);
  for (const helper of program.helpers) {
    const orElse = REPLACED_HELPERS.get(helper);
    const replaced = orElse === undefined ? {} : { orElse };
    requirements.add({ kind: 'helper', value: helper, programType: attachment.type, ...replaced, programs: [] }, [
      name,
    ]);
  }
  if (attachment.hook !== undefined && attachment.target !== undefined) {
    requirements.add({ kind: 'attach-target', hook: attachment.hook, value: attachment.target, programs: [] }, [name]);
  }
  for (const feature of programFeatures(program)) requirements.add({ kind: 'feature', value: feature }, [name]);
}

function programFeatures({ attachment, functions }: BpfProgram): Set<string> {
  const features = new Set<string>();
  if (attachment.xdpFrags) features.add('xdp-frags');
  // A syscall program is always sleepable: its type says so already.
  if (attachment.sleepable && attachment.type !== 'syscall') features.add('sleepable');
  const attach = ATTACH_FEATURES.get(attachment.attachType ?? '');
  if (attach !== undefined) features.add(attach);
  if (attachment.hook !== undefined && BTF_HOOKS.has(attachment.hook)) features.add('kernel-btf');
  for (const entry of functions) for (const feature of functionFeatures(entry)) features.add(feature);
  return features;
}

function addMaps(requirements: RequirementSet, object: BpfObject, programs: readonly BpfProgram[]): void {
  const used = new Set(programs.flatMap(({ maps, externs }) => [...maps, ...(externs.length > 0 ? ['.kconfig'] : [])]));
  const names = new Set(programs.map(({ name }) => name));
  for (const map of object.maps) {
    // The loader makes maps of global data only for programs that use them.
    if (map.internal && !used.has(map.name)) continue;
    addMapType(requirements, map, map.name);
    const users = map.structOps?.programs.filter((name) => names.has(name)) ?? [];
    if (map.structOps === undefined || users.length === 0) continue;
    requirements.add({ kind: 'attach-target', hook: 'struct-ops', value: map.structOps.type, programs: [] }, users);
    requirements.add({ kind: 'feature', value: 'kernel-btf' }, users);
  }
}

function addMapType(requirements: RequirementSet, map: BpfMap, owner: string): void {
  requirements.add({ kind: 'map-type', value: map.type, maps: [] }, [owner]);
  if (map.inner !== undefined) addMapType(requirements, map.inner, owner);
}

/** Every extern counts, whichever program refers to it: libbpf resolves them for the object as a whole. */
function addExterns(requirements: RequirementSet, object: BpfObject): void {
  for (const { name, kind, weak, typed } of object.externs) {
    const users = object.programs.filter((program) => program.externs.includes(name)).map((program) => program.name);
    // libbpf answers names such as LINUX_HAS_BPF_COOKIE itself, on every kernel.
    if (users.length === 0 || (kind === 'kconfig' && !/^(CONFIG_|LINUX_KERNEL_VERSION$)/.test(name))) continue;
    if (kind === 'kconfig') requirements.add({ kind, value: name, weak, programs: [] }, users);
    else if (kind === 'ksym') requirements.add({ kind, value: name, typed, weak, programs: [] }, users);
    else requirements.add({ kind, value: name, weak, programs: [] }, users);
    if (kind !== 'kconfig' && typed && !weak) requirements.add({ kind: 'feature', value: 'kernel-btf' }, users);
  }
}
