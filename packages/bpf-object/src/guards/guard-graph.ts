/**
 * A guard graph says, for one program, which of its requirements a kernel's verifier can reach (spec/guards.md). The verifier looks only at
 * instructions that it can reach with the constants it knows; which ones those are depends on a few values that differ from kernel to
 * kernel. Everything else about the program is left out.
 */
export interface GuardGraph {
  program: string;
  /** Numbers, values of the kernel, and what is calculated from earlier ones. Everything else names them by position. */
  values: GuardOperand[];
  /** The first is where the program starts. */
  nodes: GuardNode[];
  /** The exploration was cut short: what the graph reaches may in truth be out of reach. Never the other way round. */
  approximate?: true;
}

/** A set of places that the verifier reaches together. */
export interface GuardNode {
  /** Positions in the variant's `requirements` that count here. */
  reaches: number[];
  /** Decisions that are taken from here, all of them. */
  branches: GuardBranch[];
}

/** A conditional jump whose way a kernel's values decide. */
export interface GuardBranch {
  if: GuardCondition;
  /** Node where the condition holds; absent where nothing that matters follows. */
  holds?: number;
  /** Node where it does not. */
  fails?: number;
}

/** A comparison: a jump of RFC 9669 with its width, e.g. `jeq32`, and the positions of both sides in `values`. */
export interface GuardCondition {
  op: string;
  args: [number, number];
}

/**
 * An unsigned number (a string where it is beyond 2^53), a value of the kernel, or an operation of RFC 9669 with its width, e.g. `and64`,
 * over one or two earlier values.
 */
export type GuardOperand = number | string | GuardValue | { op: string; args: number[] };

/** A value that the loader puts into the program, or that tells one verifier from another. */
export type GuardValue =
  /** What the CO-RE relocation at that position in `requirements` comes to. */
  | { relocation: number }
  /** Address of a weak kernel function, of a variable with a type, or of any symbol (no `type`); 0 where the kernel has none. */
  | { symbol: string; type?: 'function' | 'variable' }
  /** Value of a kernel option: `bytes` at `offset` of a variable of that type and size. */
  | { kconfig: string; type: KconfigType; size: number; offset: number; bytes: number }
  /** `bytes` at `offset` of a load parameter; `default` is what the object says. */
  | { parameter: string; offset: number; bytes: number; default: number | string }
  /** 1 where the kernel has the feature, 0 where not. */
  | { feature: string };

/** How the loader writes an option's value into a variable (libbpf, set_kcfg_value_*). */
export type KconfigType = 'bool' | 'char' | 'tristate' | 'int' | 'string';
