import type { Place } from '../guards/execute.ts';
import type { BpfProgram } from '../object/bpf-object.ts';
import type { AccessState } from './access-state.ts';

/** What is accessed. */
export type AccessedMemory = 'map-value' | 'memory' | 'stack' | 'packet' | 'size';
/**
 * How it fails: a place or size without any bound, one that may be negative, one beyond the end, or a packet that was never compared with its
 * end.
 */
export type AccessFault = 'unbounded' | 'negative' | 'beyond' | 'unchecked' | 'calculated';

/** What following needs to know around an instruction. */
export interface AccessContext extends Place {
  program: BpfProgram;
  /** Notes that the verifier refuses the program at the state's instruction. */
  claim: (state: AccessState, memory: AccessedMemory, fault: AccessFault) => void;
  /** Follows a further state. */
  push: (state: AccessState) => void;
}
