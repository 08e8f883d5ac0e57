import type { AccessKind } from '../context/context-access.ts';
import type { Expression } from './value.ts';

/** Something that counts only where the verifier reaches it. */
export type Site =
  | { kind: 'relocation'; function: number; record: number }
  | { kind: 'helper'; number: number }
  | { kind: 'kfunc'; name: string }
  | { kind: 'context'; access: AccessKind; offset: number; size: number }
  | { kind: 'feature'; name: string }
  /** The program itself ends; only where the exploration asks for it. */
  | { kind: 'return'; value: bigint | 'unset' }
  | { kind: 'memory-access'; function: number; at: number };

/** A decision that a value of the kernel takes. */
export interface RawBranch {
  op: string;
  args: [Expression, Expression];
  holds: number;
  fails: number;
}

/** A stretch of the program in one state of knowledge. */
export interface RawNode {
  /** Positions in {@link Exploration.sites}. */
  sites: number[];
  /** Nodes that follow whatever the kernel is. */
  next: number[];
  branch?: RawBranch;
}

/** All that the verifier may see of a program. Node 0 is its start. */
export interface Exploration {
  sites: Site[];
  nodes: RawNode[];
  /** Paths were joined to come to an end: some of what is reached here may be out of reach. */
  approximate: boolean;
}
