import {
  createCoreResolver,
  readBpfObject,
  relocatedInstruction,
  type Btf,
  type CoreOutcome,
} from '../../src/index.ts';
import type { Decision } from './libbpf-decisions.ts';

/** Our decisions over a whole object, in libbpf's order and words. */
export function ourDecisions(bytes: Uint8Array, target: Btf): Map<string, Decision> {
  const object = readBpfObject(bytes);
  const decisions = new Map<string, Decision>();
  if (object.btf === undefined) return decisions;
  const resolver = createCoreResolver(object.btf, target);
  for (const record of object.btfExt?.relocations ?? []) {
    const entry = object.functions.find((candidate) => candidate.relocations.includes(record));
    if (entry === undefined) continue;
    const instruction = relocatedInstruction(entry, record);
    const outcome = resolver.resolve({ ...record, instruction });
    decisions.set(`${entry.name}#${record.index}`, {
      candidates: wordCandidates(outcome),
      action: wordAction(outcome, instruction.form),
    });
    if (outcome.kind === 'error') break;
  }
  return decisions;
}

function wordCandidates(outcome: CoreOutcome): string {
  return outcome.candidates.map(({ id, mismatch }) => `${mismatch === undefined ? '+' : '-'}${id}`).join(' ');
}

function wordAction(outcome: CoreOutcome, form: string): string {
  if (outcome.kind !== 'resolved') return outcome.kind;
  const size = outcome.memorySize;
  // Immediate operands have 32 bits, but libbpf's log shows the 64-bit value.
  const changed = form === 'memory' && size !== undefined ? ` size ${size.from} -> ${size.to}` : '';
  return `value -> ${outcome.value}${changed}`;
}
