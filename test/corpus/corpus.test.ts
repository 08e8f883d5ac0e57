import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Requirement } from '@bpfship/media-types';
import { neededFacts } from '@bpfship/portability';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { itNeeds } from '../support/capabilities.ts';
import { compareAll, type ComparedProgram, type Comparison } from './compare.ts';
import { compileIdioms } from './compile-idioms.ts';
import { type DescribedObject, describeObjects, giveVerdicts } from './give-verdicts.ts';
import { measureKernel } from './measure-kernel.ts';

// A slice of `npm run test:corpus`: one idiom file and the strong externs, in one flavour.
const SLICE = ['existence', 'strong-config', 'strong-absent'];
const kernels = (process.env['BPFSHIP_TEST_KERNELS'] ?? '5.10,6.12').split(',');
const itInGuest = itNeeds('qemu', 'debian-archive');
let folder: string;
let paths: string[];
let objects: DescribedObject[];
let needed: Requirement[];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bpfship-idioms-'));
  paths = compileIdioms(folder, { flavours: ['O2-v3'], idioms: SLICE });
  objects = describeObjects(paths);
  needed = neededFacts(objects.flatMap(({ programs }) => programs.flatMap(({ variant }) => variant ?? [])));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function named(compared: readonly ComparedProgram[], ...wanted: Comparison[]): string[] {
  return compared
    .filter(({ comparison }) => wanted.includes(comparison))
    .map(({ object, program, verdict, truth }) => `${object} ${program}: ${verdict.outcome}, errno ${truth.errno}`);
}

describe.each(kernels)('verdicts beside Debian’s Linux %s', (series) => {
  itInGuest(
    'refuse nothing that loads, and what they call loadable loads',
    async () => {
      const { truth, facts } = await measureKernel(series, paths, { needed });
      const compared = compareAll(
        objects.flatMap((object) => giveVerdicts(object, facts)),
        truth,
      );
      expect(compared.length).toBeGreaterThan(40);
      expect(named(compared, 'false-refusal')).toEqual([]);
      expect(named(compared, 'false-loads')).toEqual([]);
      expect(named(compared, 'uncertain', 'uncertain-refused')).toEqual([]);
      const refused = compared.filter(({ truth: { loaded } }) => !loaded);
      expect(refused.length).toBeGreaterThan(15);
      expect(compared.length - refused.length).toBeGreaterThan(15);
    },
    600_000,
  );
});
