import { join } from 'node:path';
import { openKernelTypes } from '@bpfship/portability';
import { collectObjects } from '../test/corpus/collect-objects.ts';
import { compareAll, countComparisons } from '../test/corpus/compare.ts';
import { compileIdioms } from '../test/corpus/compile-idioms.ts';
import { describeObjects, giveVerdicts } from '../test/corpus/give-verdicts.ts';
import { HOST, measureKernel } from '../test/corpus/measure-kernel.ts';
import { type KernelResult, writeResults } from '../test/corpus/write-results.ts';
import { CACHE } from './machine/debian-archive.ts';
import { KERNEL_SERIES } from './machine/kernels.ts';

// `npm run test:corpus`: verdicts beside what real kernels do. Arguments: kernels (default all series and `host`), and
// `--set=idioms|real` for one set of objects. Fails where a verdict refuses what a kernel loads.
const args = process.argv.slice(2);
const sets = args.filter((arg) => arg.startsWith('--set=')).map((arg) => arg.slice('--set='.length));
const kernels = args.filter((arg) => !arg.startsWith('--'));

async function measure(set: string, paths: readonly string[]): Promise<KernelResult[]> {
  const objects = describeObjects(paths);
  const results: KernelResult[] = [];
  for (const kernel of kernels.length > 0 ? kernels : [...KERNEL_SERIES.filter((name) => !name.includes('-')), HOST]) {
    const { release, truth, facts, btf } = await measureKernel(kernel, paths);
    const types = openKernelTypes(btf);
    const verdicts = objects.flatMap((object) => giveVerdicts(object, facts, types));
    const compared = compareAll(verdicts, truth);
    for (const [name, part] of [
      [set, compared.filter(({ program }) => program !== null)],
      [`${set}, whole objects`, compared.filter(({ program }) => program === null)],
    ] as const) {
      console.log(`${name} on ${kernel} (${release}): ${JSON.stringify(countComparisons(part))}`);
      results.push({ kernel, release, set: name, compared: part });
    }
  }
  return results;
}

async function main(): Promise<number> {
  const origins = collectObjects();
  const notes = origins.flatMap(({ name, objects, failures, drifted, unavailable }) => [
    `${name}: ${objects.length} objects${drifted ? ', not those that were measured last' : ''}${unavailable ?? ''}`,
    ...failures.map(({ source, error }) => `${name}: ${source} does not compile: ${error}`),
  ]);
  const results: KernelResult[] = [];
  if (sets.length === 0 || sets.includes('idioms'))
    results.push(...(await measure('idioms', compileIdioms(join(CACHE, 'corpus', 'objects', 'idioms')))));
  if (sets.length === 0 || sets.includes('real'))
    results.push(
      ...(await measure(
        'real',
        origins.flatMap(({ objects }) => objects),
      )),
    );
  writeResults(join(CACHE, 'corpus', 'results'), results, notes);
  console.log(`Results: ${join(CACHE, 'corpus', 'results', 'results.md')}`);
  return results.some(({ compared }) => countComparisons(compared)['false-refusal'] > 0) ? 1 : 0;
}

process.exitCode = await main();
