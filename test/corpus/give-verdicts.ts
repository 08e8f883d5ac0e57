import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { BpfObjectError, type BpfObject, deriveRequirements, readBpfObject } from '@bpfship/bpf-object';
import type { Variant } from '@bpfship/media-types';
import { type Certainty, factsTypes, judge, type KernelFacts, type Outcome } from '@bpfship/portability';

/** What we say of one program of an object loaded alone, or (`program: null`) of what the object loads by default. */
export interface GivenVerdict {
  object: string;
  program: string | null;
  /** Whether it loads; whether it can be attached and fires is another question. */
  outcome: Outcome;
  /** Whether it could be attached and would run. */
  fires: Certainty;
  /** Codes and reasons of the findings that concern the load; where the object cannot be described, the error's. */
  findings: { code: string; reason: string }[];
}

/** One object with each of its programs described alone, and as a whole, ready to be judged on many kernels. */
export interface DescribedObject {
  name: string;
  programs: { name: string | null; variant?: Variant; problem?: BpfObjectError }[];
}

/** Derives the requirements of objects as wholes, and of each program alone. An object that cannot be read is refused as a whole. */
export function describeObjects(paths: readonly string[]): DescribedObject[] {
  return paths.map((path) => {
    const name = basename(path);
    const read = attempt(() => readBpfObject(readFileSync(path)));
    if (read.problem !== undefined) return { name, programs: [{ name: null, problem: read.problem }] };
    const object = read.value;
    const names = [null, ...object.programs.map((program) => program.name)];
    return { name, programs: names.map((program) => describe(object, program)) };
  });
}

function describe(object: BpfObject, name: string | null): DescribedObject['programs'][number] {
  const { value, problem } = attempt(() => variantOf(object, name));
  return { name, ...(problem === undefined ? { variant: value } : { problem }) };
}

function attempt<T>(make: () => T): { value: T; problem?: undefined } | { value?: undefined; problem: BpfObjectError } {
  try {
    return { value: make() };
  } catch (error) {
    if (!(error instanceof BpfObjectError)) throw error;
    return { problem: error };
  }
}

function variantOf(object: BpfObject, name: string | null): Variant {
  const { requirements, types, guards } = deriveRequirements(object, name === null ? {} : { programs: [name] });
  const wanted = object.programs.filter((program) => (name === null ? program.autoload : program.name === name));
  return {
    name: 'corpus',
    layer: `sha256:${'0'.repeat(64)}`,
    platform: { byteOrder: object.littleEndian ? 'little' : 'big' },
    object: { path: 'object.bpf.o', digest: `sha256:${'0'.repeat(64)}`, size: 1 },
    license: object.license,
    programs: wanted.map(({ name: program, section, attachment: { type, hook = type } }) => {
      return { name: program, section, type, hook };
    }),
    maps: object.maps.map(({ name: map, type, keySize, valueSize, maxEntries, flags, inner }) => {
      return { name: map, type, keySize, valueSize, maxEntries, flags, ...(inner ? { inner: inner.type } : {}) };
    }),
    types: Buffer.from(types).toString('base64'),
    requirements,
    ...(guards.length > 0 ? { guards } : {}),
  };
}

const OUTCOMES: Readonly<Record<Certainty, Outcome>> = { yes: 'loads', no: 'refused', unknown: 'uncertain' };

/** Judges an object and its programs on one kernel, by facts that carry its BTF. */
export function giveVerdicts(object: DescribedObject, facts: KernelFacts): GivenVerdict[] {
  const types = factsTypes(facts);
  return object.programs.map(({ name, variant, problem }): GivenVerdict => {
    if (variant === undefined) {
      const findings = [{ code: problem?.code ?? 'unknown', reason: problem?.message ?? '' }];
      return { object: object.name, program: name, outcome: 'refused', fires: 'no', findings };
    }
    const { loads, fires, findings } = judge(variant, { facts, ...(types === undefined ? {} : { types }) });
    const told = findings.filter(({ affects }) => affects === 'load').map(({ code, reason }) => ({ code, reason }));
    return { object: object.name, program: name, outcome: OUTCOMES[loads], fires, findings: told };
  });
}
