import {
  BpfObjectError,
  createCoreResolver,
  deriveRequirements,
  findSection,
  parseBtf,
  parseBtfExt,
  readBpfObject,
  readElf,
  resolveCoreRelocation,
  sizeOfType,
  skipModifiers,
  type Btf,
} from '@bpfship/bpf-object';
import { DocumentError, parseBtfIndex, type BtfIndex } from '@bpfship/media-types';
import { decide, minimalBtf, parseKernelFacts, PortabilityError } from '@bpfship/portability';
import { mutateBytes, mutateJson } from './mutate.ts';

/** Bytes that the fuzzer starts from. */
export interface Seeds {
  objects: Uint8Array[];
  /** A BTF index, as JSON. */
  index: string;
  /** Kernel facts with BTF, as JSON. */
  facts: string;
  /** A kernel's BTF, small. */
  kernel: Uint8Array;
}

/** What came of a case: `accepted`, or the code of the error. */
export type Outcome = string;

/** One thing that reads input from outside. */
export interface Target {
  name: string;
  run: (random: (limit: number) => number) => Outcome;
}

/** Types of an accepted BTF that are looked at. */
const LOOKS = 200;

function pick<T>(list: readonly T[], random: (limit: number) => number): T {
  const item = list[random(list.length)];
  if (item === undefined) throw new RangeError('an empty list');
  return item;
}

/** All targets. Whatever they throw but the typed errors is a defect. */
export function createTargets(seeds: Seeds): Target[] {
  const sections = seeds.objects.map((object) => readElf(object));
  const index = parseBtfIndex(seeds.index);
  const facts = parseKernelFacts(seeds.facts);
  return [
    { name: 'elf', run: (random) => readObject(mutateBytes(pick(seeds.objects, random), random)) },
    {
      name: 'elf-headers',
      run: (random) => {
        const object = pick(seeds.objects, random);
        const table = Number(new DataView(object.buffer, object.byteOffset).getBigUint64(40, true));
        return readObject(
          mutateBytes(object, random, random(2) === 0 ? 0 : table, random(2) === 0 ? 64 : object.length),
        );
      },
    },
    {
      name: 'btf',
      run: (random) => {
        const data = findSection(pick(sections, random), '.BTF')?.data ?? new Uint8Array(0);
        return typed(() => lookAtBtf(parseBtf(mutateBytes(data, random)), index));
      },
    },
    {
      name: 'split-btf',
      run: (random) => {
        const data = findSection(pick(sections, random), '.BTF')?.data ?? new Uint8Array(0);
        return typed(() => lookAtBtf(parseBtf(mutateBytes(data, random), { base: parseBtf(seeds.kernel) }), index));
      },
    },
    {
      name: 'btf-ext',
      run: (random) => {
        const elf = pick(sections, random);
        const btf = parseBtf(findSection(elf, '.BTF')?.data ?? new Uint8Array(0));
        const data = findSection(elf, '.BTF.ext')?.data ?? new Uint8Array(0);
        return typed(() => {
          for (const record of parseBtfExt(mutateBytes(data, random), btf).relocations.slice(0, LOOKS)) {
            resolveCoreRelocation(btf, record, btf);
          }
        });
      },
    },
    {
      name: 'index',
      run: (random) =>
        typed(() => {
          const changed = parseBtfIndex(mutateJson(seeds.index, random));
          decide({ index: changed, facts });
          minimalBtf(changed, seeds.kernel);
        }),
    },
    {
      name: 'facts',
      run: (random) => typed(() => void decide({ index, facts: parseKernelFacts(mutateJson(seeds.facts, random)) })),
    },
    {
      name: 'kernel-btf',
      run: (random) => typed(() => void decide({ index, facts, btf: mutateBytes(seeds.kernel, random) })),
    },
  ];
}

function readObject(bytes: Uint8Array): Outcome {
  return typed(() => {
    const object = readBpfObject(bytes);
    deriveRequirements(object);
    if (object.btf) lookAtBtf(object.btf, undefined);
  });
}

/** Follows what was accepted, as its users do. */
function lookAtBtf(btf: Btf, index: BtfIndex | undefined): void {
  for (let id = 0; id < Math.min(btf.typeCount, LOOKS); id++) {
    skipModifiers(btf, id);
    sizeOfType(btf, id);
  }
  if (index === undefined) return;
  const local = index.variants.find(({ types }) => types !== undefined);
  if (local?.types === undefined) return;
  const resolver = createCoreResolver(parseBtf(Buffer.from(local.types, 'base64')), btf);
  for (const requirement of local.requirements) {
    if (requirement.kind !== 'core-relocation' || !('spec' in requirement)) continue;
    const { relocation, spec } = requirement as { relocation: 'field-exists'; spec: [number, string] };
    resolver.resolve({ kind: relocation, typeId: spec[0], access: spec[1] });
  }
}

function typed(run: () => unknown): Outcome {
  try {
    run();
    return 'accepted';
  } catch (error) {
    if (error instanceof BpfObjectError) {
      if (!error.message || !error.code) throw error;
      return error.code;
    }
    if (error instanceof DocumentError || error instanceof PortabilityError) return error.code;
    throw error;
  }
}
