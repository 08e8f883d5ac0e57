import type { Effort } from '../guards/explore.ts';
import { findReturns, type ReturnValue } from '../guards/find-returns.ts';
import type { BpfObject, BpfProgram } from '../object/bpf-object.ts';
import { capabilitiesOf } from './capabilities.ts';
import { globalFunctionFeatures } from './global-function-features.ts';
import { mapFieldFeatures } from './map-field-features.ts';
import type { RequirementSet } from './requirement.ts';
import { isReturnable, olderReturnRange, returnRange } from './return-range.ts';
import { targetFeatures } from './target-features.ts';

/** Adds what the kernel asks of programs as wholes, by their type and hook, whatever they call and read. */
export function addRules(requirements: RequirementSet, object: BpfObject, program: BpfProgram, effort: Effort): void {
  const features = [
    ...mapFieldFeatures(object, program),
    ...globalFunctionFeatures(object, program),
    ...targetFeatures(program.attachment),
  ];
  for (const value of features) requirements.add({ kind: 'feature', value }, [program.name]);
  for (const value of capabilitiesOf(program.attachment)) {
    requirements.add({ kind: 'capability', value, programs: [] }, [program.name]);
  }
  addReturnValues(requirements, object, program, effort);
}

function addReturnValues(requirements: RequirementSet, object: BpfObject, program: BpfProgram, effort: Effort): void {
  const { attachment, name } = program;
  const range = returnRange(attachment);
  if (range === undefined) return;
  const isWrong = (value: ReturnValue): boolean => value === 'unset' || !isReturnable(value, range);
  for (const value of findReturns(object, program, isWrong, effort)) {
    // Programs are functions that return `int`.
    const text = value === 'unset' ? value : String(BigInt.asIntN(value >> 32n === 0n ? 32 : 64, value));
    const hook = attachment.attachType ?? attachment.type;
    requirements.add({ kind: 'return-value', value: text, hook, programs: [] }, [name]);
  }
  const older = olderReturnRange(attachment);
  if (older === undefined) return;
  const isNewer = (value: ReturnValue): boolean =>
    !isWrong(value) && value !== 'unset' && !isReturnable(value, older.range);
  if (findReturns(object, program, isNewer, effort).length === 0) return;
  requirements.add({ kind: 'feature', value: older.feature }, [name]);
}
