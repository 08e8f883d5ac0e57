import type { KernelFacts } from '../facts.ts';
import type { KernelTypes, LocalTypes } from '../kernel-types.ts';

/** What every rule may look at. */
export interface RuleContext {
  readonly facts: KernelFacts;
  /** The licence string of the object. */
  readonly license: string;
  /** The kernel's own BTF; undefined where the kernel has none, or where only its existence is known (`facts.btf.available`). */
  readonly kernel: KernelTypes | undefined;
  /** What relocations are resolved against: the kernel's own BTF, or a supplement where it has none. */
  readonly relocationTarget: KernelTypes | undefined;
  /** The variant's `types`, read when the first relocation needs them. */
  readonly local: LocalTypes;
}
