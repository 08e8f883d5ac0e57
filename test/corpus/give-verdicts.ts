import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import {
  BpfObjectError,
  type BpfObject,
  type BpfProgram,
  deriveRequirements,
  readBpfObject,
} from '@bpfship/bpf-object';
import type { Variant } from '@bpfship/media-types';
import { judge, type KernelFacts, type KernelTypes, type Outcome } from '@bpfship/portability';

/** What we say of one program of an object, loaded alone. */
export interface GivenVerdict {
  object: string;
  program: string;
  outcome: Outcome;
  /** Codes and reasons of the findings; where the object cannot be described, the error's. */
  findings: { code: string; reason: string }[];
}

/** One object with all its programs described alone, ready to be judged on many kernels. */
export interface DescribedObject {
  name: string;
  programs: { name: string; variant?: Variant; problem?: BpfObjectError }[];
}

/** Derives the requirements of each program alone: `deriveRequirements(object, { programs: [name] })`. */
export function describeObject(path: string): DescribedObject {
  const object = readBpfObject(readFileSync(path));
  return { name: basename(path), programs: object.programs.map((program) => describeAlone(object, program)) };
}

function describeAlone(object: BpfObject, program: BpfProgram): DescribedObject['programs'][number] {
  try {
    return { name: program.name, variant: variantOf(object, program) };
  } catch (error) {
    if (!(error instanceof BpfObjectError)) throw error;
    return { name: program.name, problem: error };
  }
}

function variantOf(object: BpfObject, program: BpfProgram): Variant {
  const { requirements, types, guards } = deriveRequirements(object, { programs: [program.name] });
  const { name, section, attachment } = program;
  return {
    name: 'corpus',
    layer: `sha256:${'0'.repeat(64)}`,
    platform: { byteOrder: object.littleEndian ? 'little' : 'big' },
    object: { path: 'object.bpf.o', digest: `sha256:${'0'.repeat(64)}`, size: 1 },
    license: object.license,
    programs: [{ name, section, type: attachment.type, hook: attachment.hook ?? attachment.type }],
    maps: object.maps.map(({ name: map, type, keySize, valueSize, maxEntries, flags }) => {
      return { name: map, type, keySize, valueSize, maxEntries, flags };
    }),
    types: Buffer.from(types).toString('base64'),
    requirements,
    ...(guards.length > 0 ? { guards } : {}),
  };
}

/** Judges every program alone on one kernel. */
export function giveVerdicts(object: DescribedObject, facts: KernelFacts, types: KernelTypes): GivenVerdict[] {
  return object.programs.map(({ name, variant, problem }) => {
    if (variant === undefined) {
      const findings = [{ code: problem?.code ?? 'unknown', reason: problem?.message ?? '' }];
      return { object: object.name, program: name, outcome: 'refused' as const, findings };
    }
    const { outcome, findings } = judge(variant, { facts, types });
    const told = findings.map(({ code, reason }) => ({ code, reason }));
    return { object: object.name, program: name, outcome, findings: told };
  });
}
