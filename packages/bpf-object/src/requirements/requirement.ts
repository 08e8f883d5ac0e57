import type { AccessKind } from '../context/context-access.ts';
import type { CoreRelocationKind } from '../core/relocation.ts';

/**
 * What an object needs of a kernel. The shapes are those of the standard's requirement language (spec/requirements.md); this package
 * restates them so that it depends on nothing.
 */
export type Requirement =
  | { kind: 'program-type'; value: string; programs: string[] }
  | { kind: 'map-type'; value: string; maps: string[] }
  | HelperRequirement
  | { kind: 'attach-target'; hook: string; value: string; members?: string[]; loader?: string; programs: string[] }
  | { kind: 'feature'; value: string; programs?: string[]; guarded?: string[] }
  | ContextFieldRequirement
  | HookArgumentRequirement
  | CoreRelocationRequirement
  | { kind: 'kconfig'; value: string; weak: boolean; programs: string[] }
  | { kind: 'ksym'; value: string; typed: boolean; weak: boolean; programs: string[] }
  | KfuncRequirement
  /** The program ends with a value that no kernel takes from its hook. `hook`: libbpf's attach type, or program type where there is none. */
  | { kind: 'return-value'; value: string; hook: string; programs: string[] }
  /** Whoever loads the programs needs the capability. */
  | { kind: 'capability'; value: string; programs: string[] }
  | MemoryAccessRequirement;

/** An access to memory that a verifier must follow, and that none which is known can. */
export interface MemoryAccessRequirement {
  kind: 'memory-access';
  /** Function that holds the instruction. */
  function: string;
  /** Index of the instruction in the function. */
  instruction: number;
  /** Place in the source, e.g. `probe.bpf.c:42`; absent where the object does not say. */
  source?: string;
  /** What is accessed; `size`: the size that a helper gets. */
  memory: 'map-value' | 'memory' | 'stack' | 'packet' | 'size';
  /** How it fails. */
  fault: 'unbounded' | 'negative' | 'beyond' | 'unchecked' | 'calculated';
  programs: string[];
  /** Those of `programs` in which it counts only where their guard graph reaches it. Absent = none. */
  guarded?: string[];
}

/** A kernel function that programs of a type call, or whose address they take. */
export interface KfuncRequirement {
  kind: 'kfunc';
  value: string;
  weak: boolean;
  programType: string;
  /** Its declared prototype, as `prototypeText` writes it; absent where there is none to compare. */
  prototype?: string;
  programs: string[];
  guarded?: string[];
}

/** What a program does with its context, where kernels differ in what they allow. */
export interface ContextFieldRequirement {
  kind: 'context-field';
  programType: string;
  /** Where what is allowed depends on it. */
  attachType?: string;
  access: AccessKind;
  /** Bytes from the start of the context, and bytes that are moved. */
  offset: number;
  size: number;
  programs: string[];
  guarded?: string[];
}

/** What a program reads of the arguments of the function or tracepoint that it goes to. */
export interface HookArgumentRequirement {
  kind: 'hook-argument';
  hook: string;
  value: string;
  access: AccessKind;
  /** Bytes from the first argument, 8 for each; and bytes that are moved. */
  offset: number;
  size: number;
  programs: string[];
  guarded?: string[];
}

/** A helper that must be callable. */
export interface HelperRequirement {
  kind: 'helper';
  value: string;
  programType: string;
  /** In which form a program of the type is loaded, where only some may call it: see helperForm. */
  form?: string;
  orElse?: string;
  programs: string[];
  guarded?: string[];
}

/** A CO-RE relocation that must find its target. */
export interface CoreRelocationRequirement {
  kind: 'core-relocation';
  relocation: CoreRelocationKind;
  /** e.g. `struct task_struct`; for readers. */
  type: string;
  /** e.g. `mm`; for readers; empty for whole types. */
  access: string;
  /** Type id in the minimal types, and access string in them. */
  spec: [number, string];
  /**
   * Bytes that the relocated instruction moves, where it is a load or store: such an instruction cannot follow every change of the
   * field's size. Absent for all other instructions.
   */
  accessSize?: number;
  programs: string[];
  /** Those of `programs` in which it counts only where their guard graph reaches it. Absent = none. */
  guarded?: string[];
}

const KIND_ORDER: readonly Requirement['kind'][] = [
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
];

interface Entry {
  requirement: Requirement;
  users: Set<string>;
  /** Users that need it whatever the kernel is. */
  always: Set<string>;
  /** Place among the object's relocations: the loader's rules depend on their order. 0 for everything else. */
  place: number;
}

/** Collects requirements: equal ones are joined, their programs (or maps) united. */
export class RequirementSet {
  readonly #byKey: Map<string, Entry> = new Map();

  /**
   * `users`: names of programs, or of maps for map types. `guarded`: in these programs it counts only where their guard graph reaches it;
   * a program that needs it elsewhere without a guard needs it. `place`: that of a relocation in the object.
   */
  add(requirement: Requirement, users: readonly string[], guarded: boolean = false, place: number = 0): void {
    const key = sortKey(requirement);
    const entry = this.#byKey.get(key) ?? { requirement, users: new Set<string>(), always: new Set<string>(), place };
    this.#byKey.set(key, entry);
    entry.place = Math.min(entry.place, place);
    for (const user of users) {
      entry.users.add(user);
      if (!guarded) entry.always.add(user);
    }
  }

  /** All of them in canonical order. */
  list(): Requirement[] {
    return this.#sorted().map(([, entry]) => withUsers(entry));
  }

  /** Where an equal requirement stands in {@link list}. */
  positions(): (requirement: Requirement) => number | undefined {
    const byKey = new Map(this.#sorted().map(([key], position) => [key, position]));
    return (requirement) => byKey.get(sortKey(requirement));
  }

  #sorted(): [string, Entry][] {
    const keyed = [...this.#byKey].map(([key, entry]) => ({ key, entry, order: listKey(key, entry) }));
    return keyed.sort((a, b) => (a.order < b.order ? -1 : 1)).map(({ key, entry }) => [key, entry]);
  }
}

function withUsers({ requirement, users, always }: Entry): Requirement {
  const all = [...users].sort();
  if (requirement.kind === 'map-type') return { ...requirement, maps: all };
  const guarded = all.filter((user) => !always.has(user));
  return { ...requirement, programs: all, ...(guarded.length > 0 ? { guarded } : {}) };
}

/**
 * Relocations of one local type keep the order of the object: which candidates a later one sees depends on the earlier ones
 * (libbpf bpf_core_calc_relo_insn). Everything else is sorted by what it says.
 */
function listKey(key: string, { requirement, place }: Entry): string {
  if (requirement.kind !== 'core-relocation') return key;
  const numbers = [requirement.spec[0], place].map((number) => number.toString().padStart(10, '0'));
  return [key.slice(0, 2), `type=${requirement.type}`, ...numbers, key].join('\0');
}

/** Everything but the users, kinds in the order of the standard; also what makes two requirements equal. */
function sortKey(requirement: Requirement): string {
  const order = KIND_ORDER.indexOf(requirement.kind).toString().padStart(2, '0');
  const rest = Object.entries(requirement).filter(
    ([name]) => name !== 'programs' && name !== 'maps' && name !== 'kind' && name !== 'guarded',
  );
  return `${order}\0${rest
    .sort(([a], [b]) => keyRank(a) - keyRank(b))
    .map(
      ([name, value]) =>
        `${name}=${Array.isArray(value) ? value.map((part) => String(part).padStart(8, '0')).join('/') : written(value)}`,
    )
    .join('\0')}`;
}

/** Numbers stand in the order of numbers. */
function written(value: unknown): string {
  return typeof value === 'number' ? value.toString().padStart(6, '0') : String(value);
}

const KEY_ORDER = [
  'hook',
  'value',
  'loader',
  'programType',
  'form',
  'attachType',
  'offset',
  'size',
  'type',
  'access',
  'relocation',
  'spec',
  'accessSize',
  'function',
];

function keyRank(name: string): number {
  const rank = KEY_ORDER.indexOf(name);
  return rank < 0 ? KEY_ORDER.length : rank;
}
