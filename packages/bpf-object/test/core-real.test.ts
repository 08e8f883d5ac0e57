import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lacks } from '../../../test/support/capabilities.ts';
import { BTF_SERIES, kernelBtf } from '../../../tools/machine/kernel-btf.ts';
import { openWorkshop, type Workshop } from './support/compile.ts';
import { compareWithLibbpf, type Comparison } from './support/core-compare.ts';
import { BIG_ENDIAN_SET, ciliumObjects, compileSet, OBJECT_SETS, SMALL_SET } from './support/core-objects.ts';
import { swapBtf } from './support/swap-btf.ts';

/** `npm run test:core` compares everything; `npm test` a few programs, on the kernels that it has fetched anyway. */
const EVERYTHING = process.env['BPFSHIP_CORE'] === 'all';
const RUNNING = '/sys/kernel/btf/vmlinux';
let workshop: Workshop;

beforeAll(() => {
  workshop = openWorkshop();
});

afterAll(() => workshop.remove());

function chosenKernels(): string[] {
  const few = (process.env['BPFSHIP_TEST_KERNELS'] ?? '5.10,6.12').split(',').filter(Boolean);
  const series = EVERYTHING ? BTF_SERIES : few;
  return [...series.map(kernelBtf), ...(existsSync(RUNNING) ? [RUNNING] : [])];
}

function report(seen: Comparison, loader: string): void {
  if (!EVERYTHING) return;
  const outcomes = [...seen.outcomes].map(([word, times]) => `${times} ${word}`).join(', ');
  process.stdout.write(`${loader}: ${seen.decisions} decisions (${outcomes}), ${seen.fromIndex} from the index\n`);
}

describe.skipIf(lacks('debian-archive'))('programs of other people', () => {
  for (const loader of ['libbpf-1.0', 'libbpf-1.6'] as const) {
    it(`are decided as ${loader} decides them, from the object and from the index`, () => {
      const objects = EVERYTHING ? [...OBJECT_SETS.flatMap(compileSet), ...ciliumObjects('el')] : compileSet(SMALL_SET);
      const kernels = chosenKernels();
      const cases = kernels.flatMap((kernel) => objects.map((object) => ({ object, kernel })));
      const seen = compareWithLibbpf(cases, { loader });
      report(seen, loader);
      expect(seen.differences).toEqual([]);
      expect(seen.decisions).toBeGreaterThan(EVERYTHING ? 15_000 : 100 * kernels.length);
      // Without a program that reaches a function, the index does not hold it; that is rare.
      expect(seen.fromIndex).toBeGreaterThan(seen.decisions * 0.98);
      expect([...seen.outcomes.keys()]).toEqual(expect.arrayContaining(['value', 'poison']));
    }, 900_000);
  }

  it('are decided as on a big-endian machine where they are compiled for one', () => {
    const objects = [...compileSet(BIG_ENDIAN_SET), ...(EVERYTHING ? ciliumObjects('eb') : [])];
    const cases = chosenKernels().flatMap((source, index) => {
      const kernel = join(workshop.folder, `big-endian-${index}.btf`);
      writeFileSync(kernel, swapBtf(new Uint8Array(readFileSync(source))));
      return objects.map((object) => ({ object, kernel }));
    });
    // Older ones open objects of their own byte order alone.
    const seen = compareWithLibbpf(cases, { loader: 'libbpf-1.6', bigEndian: true });
    report(seen, 'big-endian');
    expect(seen.differences).toEqual([]);
    expect(seen.decisions).toBeGreaterThan(100);
  }, 900_000);
});
