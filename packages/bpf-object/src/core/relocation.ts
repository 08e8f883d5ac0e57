import type { Btf } from '../btf/btf.ts';

/** CO-RE relocation kinds, in the order of `enum bpf_core_relo_kind` (include/uapi/linux/bpf.h). */
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

/** The instruction that a relocation changes, as far as the rules look at it. */
export interface RelocatedInstruction {
  /** `alu` = immediate operand, `memory` = offset of a load or store, `imm64` = 64-bit immediate. */
  form: 'alu' | 'memory' | 'imm64';
  /** Bytes that a load or store moves; 0 for the other forms. */
  memorySize: number;
}

/** What to relocate. */
export interface CoreRelocation {
  kind: CoreRelocationKind;
  /** Id of the root type in the local BTF. */
  typeId: number;
  /** The access string, e.g. `0:1:0`. */
  access: string;
  /** Default: none. With it, the rules of patching hold too: a load of a field that changed its size, an offset beyond 32767. */
  instruction?: RelocatedInstruction;
}

/** A candidate of the target BTF, and why it did not match (absent where it did). */
export interface CoreCandidate {
  id: number;
  /** e.g. `struct task_struct`. */
  type: string;
  /** The kernel module whose BTF holds it; absent where that of the kernel image does. */
  module?: string;
  mismatch?: string;
}

interface Described {
  /** The local access for people, e.g. `struct task_struct.mm`. */
  local: string;
  /** Types of the target that were looked at, in the order of their ids. */
  candidates: CoreCandidate[];
}

/** The relocation has a value. Where nothing matched, an existence kind's value is 0 (as are those of type sizes and ids). */
export interface CoreResolved extends Described {
  kind: 'resolved';
  /** Unsigned 64-bit. */
  value: bigint;
  /** What the compiler put there, from the local types; unsigned 64-bit. */
  originalValue: bigint;
  /** Whether the original value must stand in the instruction; not so for bit-fields and type ids. */
  validate: boolean;
  /** Whether anything in the target matched. */
  matched: boolean;
  /** Present where the size of the field changed: a load or store must change too. */
  memorySize?: { from: number; to: number };
}

/** The loader would put an invalid instruction there: the program loads only if the verifier never reaches it. */
export interface CorePoison extends Described {
  kind: 'poison';
  reason: string;
}

/** The loader would give up the whole object. */
export interface CoreError extends Described {
  kind: 'error';
  reason: string;
}

/** What comes of a relocation. */
export type CoreOutcome = CoreResolved | CorePoison | CoreError;

/**
 * Whose rules decide. They differ in one thing: where a load or store of an array element changed its size, `libbpf-1.6` (and later)
 * looks at the element, `libbpf-1.0` (to 1.5) at the whole array, and refuses to follow (relo_core.c, bpf_core_calc_field_relo).
 */
export type CoreLoader = 'libbpf-1.0' | 'libbpf-1.6';

/** The BTF of a loaded kernel module, split from that of the kernel image. */
export interface CoreModule {
  name: string;
  btf: Btf;
}

/** Options of {@link createCoreResolver} and {@link resolveCoreRelocation}. */
export interface CoreOptions {
  /** Default: `libbpf-1.6`. */
  loader?: CoreLoader;
  /**
   * BTF of the loaded modules, in the order of their BTF ids. Asked for once at most, and only where the kernel image has no type of a
   * wanted name and kind (libbpf bpf_core_find_cands). Default: none, as with a custom BTF.
   */
  modules?: () => readonly CoreModule[];
}

/** Raised inside the engine where libbpf returns a negative number; it never leaves this folder. */
export class RelocationAbort extends Error {
  override readonly name = 'RelocationAbort';
}

/** Whether the kind asks about a field. */
export function isFieldKind(kind: CoreRelocationKind): boolean {
  return kind.startsWith('field-');
}

/** Whether the kind asks about a type as a whole. */
export function isTypeKind(kind: CoreRelocationKind): boolean {
  return kind.startsWith('type-');
}
