/**
 * The requirement language: what one variant needs of a kernel (spec/requirements.md).
 */

/** The thirteen CO-RE relocation kinds, in the order of `enum bpf_core_relo_kind` (include/uapi/linux/bpf.h). */
export const CORE_RELOCATION_KINDS = [
  'field-byte-offset',
  'field-byte-size',
  'field-exists',
  'field-signed',
  'field-lshift-u64',
  'field-rshift-u64',
  'type-id-local',
  'type-id-target',
  'type-exists',
  'type-size',
  'enumval-exists',
  'enumval-value',
  'type-matches',
] as const;

/** One of {@link CORE_RELOCATION_KINDS}. */
export type CoreRelocationKind = (typeof CORE_RELOCATION_KINDS)[number];

/**
 * Those of `programs` in which the requirement counts only where their guard graph reaches it (spec/guards.md). Where such a program has no
 * graph, it is not known whether it counts. Absent = none.
 */
export type GuardedPrograms = string[];

/** The kernel must know the program type. */
export interface ProgramTypeRequirement {
  kind: 'program-type';
  /** libbpf's name, e.g. `raw_tracepoint`. */
  value: string;
  programs: string[];
}

/** The kernel must know the map type. */
export interface MapTypeRequirement {
  kind: 'map-type';
  /** libbpf's name, e.g. `ringbuf`. */
  value: string;
  maps: string[];
}

/** The helper must be callable from the program type. */
export interface HelperRequirement {
  kind: 'helper';
  /** e.g. `bpf_loop`. */
  value: string;
  programType: string;
  /** The form in which programs of the type are loaded, where only some may call it, e.g. `trace_iter`, `trace_fentry.s`. */
  form?: string;
  /** The helper that the loader puts in its place where the kernel lacks it, e.g. `bpf_probe_read`. */
  orElse?: string;
  programs: string[];
  guarded?: GuardedPrograms;
}

/** The kernel must offer the hook. */
export interface AttachTargetRequirement {
  kind: 'attach-target';
  /** e.g. `raw-tracepoint`, `tracepoint`, `kprobe`, `fentry`, `lsm`. */
  hook: string;
  /** e.g. `sched_process_exec`, `syscalls/sys_enter_execve`. */
  value: string;
  /** For `struct-ops`: members that the kernel's struct must have, sorted. */
  members?: string[];
  /** Ability of the loader without which the hook is not asked for, e.g. `struct-ops-links`. Absent = it always is. */
  loader?: string;
  programs: string[];
}

/** An ability that no single type or helper stands for, e.g. `xdp-frags`. */
export interface FeatureRequirement {
  kind: 'feature';
  value: string;
  programs?: string[];
  guarded?: GuardedPrograms;
}

/** Ways to use a context; `write-number` is a store of a number that the instruction itself holds. */
export const ACCESS_KINDS = ['read', 'write', 'write-number'] as const;

/** One of {@link ACCESS_KINDS}. */
export type AccessKind = (typeof ACCESS_KINDS)[number];

/** The kernel must let programs of the type use a part of their context, where kernels differ. */
export interface ContextFieldRequirement {
  kind: 'context-field';
  programType: string;
  /** libbpf's name, where what is allowed depends on it. */
  attachType?: string;
  access: AccessKind;
  /** In bytes from the start of the context. */
  offset: number;
  /** Bytes that are moved: 1, 2, 4 or 8. */
  size: number;
  programs: string[];
  guarded?: GuardedPrograms;
}

/** What the program goes to must have the argument that it reads. */
export interface HookArgumentRequirement {
  kind: 'hook-argument';
  /** As of `attach-target`. */
  hook: string;
  value: string;
  access: AccessKind;
  /** In bytes from the first argument, of which each takes 8. */
  offset: number;
  /** Bytes that are moved: 1, 2, 4 or 8. */
  size: number;
  programs: string[];
  guarded?: GuardedPrograms;
}

/** A CO-RE relocation that must find its target in the kernel's BTF. */
export interface CoreRelocationRequirement {
  kind: 'core-relocation';
  relocation: CoreRelocationKind;
  /** The local root type, e.g. `struct task_struct`. For readers; `spec` is what counts. */
  type: string;
  /** The path in it, e.g. `mm`. For readers; `spec` is what counts. */
  access: string;
  /** Type id in the variant's `types`, and the access string of the relocation record. */
  spec: [number, string];
  /**
   * Bytes that the relocated instruction moves (1, 2, 4 or 8), where it is a load or store: such an instruction cannot follow every change
   * of the field's size. Absent for other instructions.
   */
  accessSize?: number;
  programs: string[];
  guarded?: GuardedPrograms;
}

/** A kernel option, or `LINUX_KERNEL_VERSION`, that the program reads. */
export interface KconfigRequirement {
  kind: 'kconfig';
  value: string;
  weak: boolean;
  programs: string[];
}

/** A kernel symbol whose address the program takes. */
export interface KsymRequirement {
  kind: 'ksym';
  value: string;
  typed: boolean;
  weak: boolean;
  programs: string[];
}

/** A kernel function that the program calls. */
export interface KfuncRequirement {
  kind: 'kfunc';
  value: string;
  weak: boolean;
  /** Type of the programs that call it. Absent: any kind of program may be meant. */
  programType?: string;
  /** Its declared prototype as one word (spec/requirements.md, "Prototypes"). Absent: not compared. */
  prototype?: string;
  programs: string[];
  guarded?: GuardedPrograms;
}

/** The program ends with a value that no kernel takes from its hook. */
export interface ReturnValueRequirement {
  kind: 'return-value';
  /** A decimal number, or `unset` where the program returns without a value. */
  value: string;
  /** libbpf's attach type, or the program type where there is none, e.g. `cgroup_inet4_connect`. */
  hook: string;
  programs: string[];
}

/** Whoever loads the programs must have the capability, or CAP_SYS_ADMIN. */
export interface CapabilityRequirement {
  kind: 'capability';
  /** e.g. `CAP_NET_ADMIN`. */
  value: string;
  programs: string[];
}

/** What a `memory-access` requirement is about; `size` is the size that a helper gets. */
export const ACCESSED_MEMORY = ['map-value', 'memory', 'stack', 'packet', 'size'] as const;

/** How the access of a `memory-access` requirement fails. */
export const ACCESS_FAULTS = ['unbounded', 'negative', 'beyond', 'unchecked', 'calculated'] as const;

/** An access to memory that no verifier takes. */
export interface MemoryAccessRequirement {
  kind: 'memory-access';
  /** Function that holds the instruction. */
  function: string;
  /** Index of the instruction in the function, from 0. */
  instruction: number;
  /** Place in the source, e.g. `probe.bpf.c:42`. For readers. */
  source?: string;
  memory: (typeof ACCESSED_MEMORY)[number];
  fault: (typeof ACCESS_FAULTS)[number];
  programs: string[];
  guarded?: GuardedPrograms;
}

/** A requirement of a kind that this version of the standard knows. */
export type KnownRequirement =
  | ProgramTypeRequirement
  | MapTypeRequirement
  | HelperRequirement
  | AttachTargetRequirement
  | FeatureRequirement
  | ContextFieldRequirement
  | HookArgumentRequirement
  | CoreRelocationRequirement
  | KconfigRequirement
  | KsymRequirement
  | KfuncRequirement
  | ReturnValueRequirement
  | CapabilityRequirement
  | MemoryAccessRequirement;

/** A requirement of a kind from a later version of the standard: its verdict is uncertain. */
export interface UnknownRequirement {
  kind: Exclude<string, KnownRequirement['kind']>;
}

/** One thing that a variant needs of a kernel. */
export type Requirement = KnownRequirement | UnknownRequirement;

const KNOWN_KINDS: ReadonlySet<string> = new Set<KnownRequirement['kind']>([
  'program-type',
  'map-type',
  'helper',
  'attach-target',
  'feature',
  'context-field',
  'hook-argument',
  'core-relocation',
  'kconfig',
  'ksym',
  'kfunc',
  'return-value',
  'capability',
  'memory-access',
]);

/** Whether this version of the standard knows the requirement's kind. */
export function isKnownRequirement(requirement: Requirement): requirement is KnownRequirement {
  return KNOWN_KINDS.has(requirement.kind);
}
