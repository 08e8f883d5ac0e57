import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseBtf, type Btf } from '../src/index.ts';
import { buildDriver, compileObject, openWorkshop, type Workshop } from './support/compile.ts';
import { libbpfDecisions } from './support/libbpf-decisions.ts';
import { ourDecisions } from './support/our-decisions.ts';

const OBJECTS = ['relocations', 'direct-access'];
let workshop: Workshop;
let driver: string;
let kernel: Btf;

beforeAll(() => {
  workshop = openWorkshop();
  driver = buildDriver(workshop, 'relocate');
  kernel = parseBtf(new Uint8Array(readFileSync('/sys/kernel/btf/vmlinux')));
});

afterAll(() => workshop.remove());

describe('relocations of compiled objects against the running kernel', () => {
  for (const name of OBJECTS) {
    it(`decides ${name} as libbpf does`, () => {
      const path = compileObject(workshop, name);
      const [expected] = libbpfDecisions(driver, [[path, '-']]);
      const ours = ourDecisions(new Uint8Array(readFileSync(path)), kernel);
      expect(expected?.size).toBeGreaterThan(10);
      expect(Object.fromEntries(ours)).toEqual(Object.fromEntries(expected ?? []));
    });
  }
});
