import { findSection, parseBtf, parseBtfExt, readElf, resolveCoreRelocation } from '@bpfship/bpf-object';
import {
  parseBtfIndex,
  parseBtfTable,
  parseEvidence,
  parseIndexBlob,
  type ServiceManifest,
  tarSingleFile,
} from '@bpfship/media-types';
import {
  chooseSupplement,
  decide,
  factsTypes,
  kernelFactsBytes,
  minimalBtf,
  openNameList,
  parseKernelFacts,
} from '@bpfship/portability';
import { mutateBtf, typePositions } from './mutate-btf.ts';
import { mutateElf, openElfSeed } from './mutate-elf.ts';
import { mutateJson } from './mutate-json.ts';
import { mutateBytes, pick, type Random } from './mutate.ts';
import { decideAll, lookAtBtf, travel, typed, type Outcome } from './road.ts';
import type { Seeds } from './seeds.ts';

/** One thing that reads input from outside. */
export interface Target {
  name: string;
  run: (random: Random) => Outcome;
}

/** Relocations of an accepted `.BTF.ext` that are resolved. */
const LOOKS = 200;

/** As much of a manifest in the compatible form as reading the index's layer looks at. */
const COMPATIBLE_FORM: ServiceManifest = {
  schemaVersion: 2,
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: `sha256:${'0'.repeat(64)}`, size: 2 },
  layers: [],
  annotations: { 'vnd.ebpf.service.artifact-type': 'application/vnd.ebpf.service.v1' },
};

/** All targets. Whatever they throw but the typed errors is a defect. Those of objects stand twice: they have most to get wrong. */
export function createTargets(seeds: Seeds): Target[] {
  const elves = seeds.objects.map((bytes) => openElfSeed(bytes));
  const facts = seeds.facts.map((text) => parseKernelFacts(text));
  const indexes = seeds.indexes.map((text) => parseBtfIndex(text));
  const structured: Target = {
    name: 'elf',
    run: (random) => travel(mutateElf(pick(elves, random), random), facts.slice(0, 1)),
  };
  return [
    structured,
    ...documentTargets(seeds, facts, indexes),
    structured,
    { name: 'elf-bytes', run: (random) => travel(mutateBytes(pick(seeds.objects, random), random), facts.slice(0, 1)) },
    ...typeTargets(seeds, facts, indexes),
  ];
}

type Facts = ReturnType<typeof parseKernelFacts>;
type Index = ReturnType<typeof parseBtfIndex>;

function typeTargets({ objects, kernel }: Seeds, facts: readonly Facts[], indexes: readonly Index[]): Target[] {
  const sections = objects.map((object) => readElf(object));
  const btfs = sections.flatMap((elf) => findSection(elf, '.BTF')?.data.slice() ?? []);
  const places = new Map([...btfs, kernel].map((bytes) => [bytes, typePositions(bytes)]));
  const mutated = (source: Uint8Array, random: Random): Uint8Array => {
    if (random(4) === 0) return mutateBytes(source, random);
    const bytes = source.slice();
    const view = new DataView(bytes.buffer);
    for (let change = random(4); change >= 0; change--) mutateBtf(view, 0, places.get(source) ?? [], random);
    return bytes;
  };
  return [
    {
      name: 'btf',
      run: (random) =>
        typed(() =>
          lookAtBtf(
            parseBtf(mutated(pick(btfs, random), random), { validate: random(2) === 0 }),
            pick(indexes, random),
          ),
        ),
    },
    {
      name: 'split-btf',
      run: (random) =>
        typed(() => {
          // Also upon a base that is another than it was made for.
          const base = parseBtf(random(4) === 0 ? pick(btfs, random) : kernel);
          lookAtBtf(
            parseBtf(mutated(pick(btfs, random), random), { base, validate: random(2) === 0 }),
            pick(indexes, random),
          );
        }),
    },
    {
      name: 'btf-ext',
      run: (random) => {
        const elf = pick(sections, random);
        const types = findSection(elf, '.BTF')?.data ?? new Uint8Array(0);
        const data = findSection(elf, '.BTF.ext')?.data ?? new Uint8Array(0);
        return typed(() => {
          const btf = parseBtf(types);
          for (const record of parseBtfExt(mutateBytes(data, random), btf).relocations.slice(0, LOOKS)) {
            resolveCoreRelocation(btf, record, btf);
          }
        });
      },
    },
    {
      name: 'kernel-btf',
      run: (random) =>
        typed(() => {
          const index = pick(indexes, random);
          const btf = mutated(kernel, random);
          decide({ index, facts: pick(facts, random), btf });
          minimalBtf(index, btf);
        }),
    },
  ];
}

function documentTargets(seeds: Seeds, facts: readonly Facts[], indexes: readonly Index[]): Target[] {
  return [
    {
      name: 'index',
      run: (random) =>
        typed(() => {
          const index = parseBtfIndex(mutateJson(pick(seeds.indexes, random), random) as object);
          decideAll(index, pick(facts, random));
          minimalBtf(index, seeds.kernel);
        }),
    },
    {
      name: 'wrapped-index',
      run: (random) =>
        typed(() => {
          const tar = tarSingleFile('btf-index.json', new TextEncoder().encode(pick(seeds.indexes, random)));
          // Mostly the header: what comes after it is the document's.
          const wrapped = mutateBytes(tar, random, 0, random(2) === 0 ? 512 : tar.length);
          decideAll(parseIndexBlob(COMPATIBLE_FORM, wrapped), pick(facts, random));
        }),
    },
    {
      name: 'guards',
      run: (random) =>
        typed(() => {
          const text = pick(seeds.guarded.length > 0 ? seeds.guarded : seeds.indexes, random);
          decideAll(parseBtfIndex(mutateJson(text, random, ['variants', 0, 'guards']) as object), pick(facts, random));
        }),
    },
    {
      name: 'facts',
      run: (random) =>
        typed(() => {
          const changed = parseKernelFacts(mutateJson(pick(seeds.facts, random), random) as object);
          decideAll(pick(indexes, random), changed);
          readAll(changed);
        }),
    },
    {
      name: 'evidence',
      run: (random) =>
        typed(() =>
          decideAll(indexes[0] ?? pick(indexes, random), pick(facts, random), [
            parseEvidence(mutateJson(seeds.evidence, random) as object),
          ]),
        ),
    },
    {
      name: 'supplement',
      run: (random) =>
        typed(() => {
          const table = parseBtfTable(mutateJson(seeds.table, random) as object);
          for (const each of facts) chooseSupplement([table], each);
        }),
    },
  ];
}

/** What decisions need not have asked for: all that is packed. */
function readAll(facts: Facts): void {
  factsTypes(facts)?.hasInModules('struct', 'of_module');
  const { symbols, tracepoints } = facts;
  for (const list of [symbols?.functions, symbols?.variables, tracepoints]) {
    if (list?.encoding === 'zlib') openNameList(list, 'a list').matches('*a?b*');
  }
  kernelFactsBytes(facts);
}
