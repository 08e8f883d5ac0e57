import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fuzz } from './fuzz.ts';
import { createSeeds } from './seeds.ts';

/** `npm run test:fuzz` runs a million. */
const ITERATIONS = 16_000;
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bpfship-fuzz-'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('input from outside', () => {
  it('is accepted, or refused with a typed error, in bounded time', () => {
    const outcomes = fuzz({ seeds: createSeeds(folder), seed: 7, iterations: ITERATIONS });
    const words = Object.keys(outcomes);
    // Both happen: the fuzzer neither breaks everything at once nor nothing at all.
    expect(words.filter((word) => word.endsWith('accepted')).length).toBeGreaterThan(4);
    expect(words.filter((word) => word.includes('ERR_')).length).toBeGreaterThan(8);
  }, 300_000);
});
