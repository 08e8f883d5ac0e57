import { join } from 'node:path';
import { type CollectedOrigin, collectObjects } from '../test/corpus/collect-objects.ts';
import { compareAll, countComparisons } from '../test/corpus/compare.ts';
import { compileIdioms } from '../test/corpus/compile-idioms.ts';
import { HELDOUT_ORIGINS } from '../test/corpus/heldout-origins.ts';
import { describeObjects, giveVerdicts } from '../test/corpus/give-verdicts.ts';
import { type Origin, ORIGINS } from '../test/corpus/origins.ts';
import { HOST, measureKernel } from '../test/corpus/measure-kernel.ts';
import { type KernelResult, writeResults } from '../test/corpus/write-results.ts';
import { CACHE } from './machine/debian-archive.ts';
import { KERNEL_SERIES } from './machine/kernels.ts';

// `npm run test:corpus`: verdicts beside what real kernels do. Arguments: kernels (default all series and `host`), and
// `--set=idioms|real|heldout` for one set of objects (default idioms and real); `--kept-facts`
// boots nothing that was measured before. Fails where a verdict refuses what a kernel loads.
const args = process.argv.slice(2);
const sets = args.filter((arg) => arg.startsWith('--set=')).map((arg) => arg.slice('--set='.length));
const keptFacts = args.includes('--kept-facts');
const kernels = args.filter((arg) => !arg.startsWith('--'));

const collected: CollectedOrigin[] = [];

function collect(origins: readonly Origin[]): string[] {
  const found = collectObjects(origins);
  collected.push(...found);
  return found.flatMap(({ objects }) => objects);
}

/** Objects by set. */
const SETS: ReadonlyMap<string, () => readonly string[]> = new Map([
  ['idioms', () => compileIdioms(join(CACHE, 'corpus', 'objects', 'idioms'))],
  ['real', () => collect(ORIGINS)],
  ['heldout', () => collect(HELDOUT_ORIGINS)],
]);

function collectSets(): Map<string, readonly string[]> {
  const names = sets.length > 0 ? sets : ['idioms', 'real'];
  return new Map(
    names.map((name) => {
      const objects = SETS.get(name);
      if (objects === undefined) throw new Error(`there is no set "${name}"; there are ${[...SETS.keys()].join(', ')}`);
      return [name, objects()];
    }),
  );
}

/** Measures one kernel with all sets in one boot. */
async function measure(kernel: string, paths: ReadonlyMap<string, readonly string[]>): Promise<KernelResult[]> {
  const { release, truth, facts } = await measureKernel(kernel, [...paths.values()].flat(), { keptFacts });
  return [...described].flatMap(([set, objects]) => {
    const compared = compareAll(
      objects.flatMap((object) => giveVerdicts(object, facts)),
      truth,
    );
    return [
      { kernel, release, set, compared: compared.filter(({ program }) => program !== null) },
      { kernel, release, set: `${set}, whole objects`, compared: compared.filter(({ program }) => program === null) },
    ];
  });
}

function noteOrigin({ name, objects, failures, drifted, unavailable }: CollectedOrigin): string[] {
  const drift = drifted ? ', not those that were measured last' : '';
  return [
    `${name}: ${objects.length} objects${drift}${unavailable === undefined ? '' : `: ${unavailable}`}`,
    ...failures.map(({ source, error }) => `${name}: ${source} does not compile: ${error}`),
  ];
}

const paths = collectSets();
const described = new Map([...paths].map(([set, files]) => [set, describeObjects(files)]));
const results: KernelResult[] = [];
for (const kernel of kernels.length > 0 ? kernels : [...KERNEL_SERIES, HOST]) {
  const measured = await measure(kernel, paths);
  for (const { set, release, compared } of measured)
    console.log(`${set} on ${kernel} (${release}): ${JSON.stringify(countComparisons(compared))}`);
  results.push(...measured);
  // After each kernel: a run takes an hour, and may be ended.
  writeResults(join(CACHE, 'corpus', 'results'), results, collected.flatMap(noteOrigin));
}
console.log(`Results: ${join(CACHE, 'corpus', 'results', 'results.md')}`);
process.exitCode = results.some(({ compared }) => countComparisons(compared)['false-refusal'] > 0) ? 1 : 0;
