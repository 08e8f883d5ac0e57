import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BpfObjectError, readBpfObject } from '@bpfship/bpf-object';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildOpenDriver } from '../../packages/bpf-object/test/support/core-driver.ts';
import { mutateElf, openElfSeed } from './mutate-elf.ts';
import { pick, randomFrom } from './mutate.ts';
import { createSeeds } from './seeds.ts';

const CASES = 1500;
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bpfship-open-'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function isAccepted(bytes: Uint8Array): boolean {
  try {
    readBpfObject(bytes);
    return true;
  } catch (error) {
    if (error instanceof BpfObjectError) return false;
    throw error;
  }
}

describe('broken objects, beside libbpf', () => {
  it('what libbpf refuses to open is not accepted', () => {
    const seeds = createSeeds(folder).objects.map((bytes) => openElfSeed(bytes));
    const random = randomFrom(3);
    const mutants = Array.from({ length: CASES }, () => mutateElf(pick(seeds, random), random));
    const paths = mutants.map((bytes, index) => {
      const path = join(folder, `${index}.bpf.o`);
      writeFileSync(path, bytes);
      return path;
    });
    const { stdout } = spawnSync(buildOpenDriver('libbpf-1.6'), [], {
      input: paths.join('\n') + '\n',
      encoding: 'utf8',
    });
    const theirs = stdout.trim().split('\n');
    expect(theirs).toHaveLength(CASES);
    const accepted = mutants.map((bytes) => isAccepted(bytes));
    const wrong = paths.filter((_, index) => theirs[index] === 'refused' && accepted[index]);
    expect(wrong).toEqual([]);
  }, 300_000);
});
