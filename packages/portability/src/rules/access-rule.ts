import type { MemoryAccessRequirement } from '@bpfship/media-types';
import { type Answer, unmet } from '../answer.ts';

const MEMORY: Readonly<Record<MemoryAccessRequirement['memory'], string>> = {
  'map-value': 'the value of a map',
  memory: 'memory of a fixed size',
  stack: 'the stack',
  packet: 'the packet',
  size: 'memory through a helper',
};

const FAULTS: Readonly<Record<MemoryAccessRequirement['fault'], string>> = {
  unbounded: 'without any bound that a verifier can follow',
  negative: 'at a place or of a size that may be negative',
  beyond: 'beyond its end',
  unchecked: 'without comparing with its end before',
  calculated: 'through a pointer to which it does more than adding and subtracting',
};

/** `memory-access` (spec/selection.md, "Memory accesses"): what the ablest verifier cannot follow no other follows. */
export function checkMemoryAccess(requirement: MemoryAccessRequirement): Answer {
  const { function: name, instruction, source, memory, fault } = requirement;
  const place = `instruction ${instruction} of ${name}${source === undefined ? '' : ` (${source})`}`;
  return unmet('memory-access-unbounded', `${place} accesses ${MEMORY[memory]} ${FAULTS[fault]}: verifiers refuse it`);
}
