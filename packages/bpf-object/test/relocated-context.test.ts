import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deriveRequirements, readBpfObject, type Requirement } from '../src/index.ts';
import { compileBytes, openWorkshop, type Workshop } from './support/compile.ts';

let workshop: Workshop;
let requirements: Requirement[];
beforeAll(() => {
  workshop = openWorkshop();
  ({ requirements } = deriveRequirements(readBpfObject(compileBytes(workshop, 'relocated-context'))));
});
afterAll(() => workshop.remove());

/** Accesses that programs need, as `kind access-size@offset` or `kind memory fault`. */
function accessesOf(program: string): string[] {
  return requirements.flatMap((requirement) => {
    if (!('programs' in requirement) || !requirement.programs?.includes(program)) return [];
    if (requirement.kind === 'memory-access') return [`${requirement.memory} ${requirement.fault}`];
    if (requirement.kind !== 'context-field') return [];
    return [`${requirement.access}-${requirement.size}@${requirement.offset}`];
  });
}

describe('accesses to contexts that are relocations', () => {
  it('are at the same place on every kernel, where the struct is one of those that never change', () => {
    expect(accessesOf('egress')).toEqual(['read-4@20']);
    expect(accessesOf('write_mark')).toEqual([expect.stringMatching(/^write(-number)?-4@8$/)]);
  });

  it('are at a place that only the kernel knows, where the struct is a part of one', () => {
    expect(accessesOf('part')).toEqual([]);
  });

  it('are of a size that only the kernel knows, where a kernel made the field smaller', () => {
    expect(accessesOf('resized')).toEqual([]);
  });

  it('give packets, which are held against their end', () => {
    expect(accessesOf('unchecked')).toEqual(['packet unchecked']);
    expect(accessesOf('checked')).toEqual([]);
  });
});
