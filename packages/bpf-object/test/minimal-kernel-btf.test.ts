import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lacks } from '../../../test/support/capabilities.ts';
import { kernelBtf } from '../../../tools/machine/kernel-btf.ts';
import {
  buildMinimalKernelBtf,
  createCoreResolver,
  deriveRequirements,
  parseBtf,
  readBpfObject,
  type Btf,
  type CoreRelocation,
  type KernelBtfNeed,
} from '../src/index.ts';
import { openWorkshop, type Workshop } from './support/compile.ts';
import { compileSet, SMALL_SET } from './support/core-objects.ts';

const RUNNING = '/sys/kernel/btf/vmlinux';
let workshop: Workshop;

beforeAll(() => {
  workshop = openWorkshop();
});

afterAll(() => workshop.remove());

function needOf(path: string): KernelBtfNeed {
  const { requirements, types } = deriveRequirements(readBpfObject(readFileSync(path)));
  const relocations = requirements.flatMap((requirement): CoreRelocation[] => {
    if (requirement.kind !== 'core-relocation') return [];
    const { relocation, spec, accessSize } = requirement;
    const instruction =
      accessSize === undefined ? {} : { instruction: { form: 'memory', memorySize: accessSize } as const };
    return [{ kind: relocation, typeId: spec[0], access: spec[1], ...instruction }];
  });
  return { types: parseBtf(types), relocations };
}

function outcomes({ types, relocations }: KernelBtfNeed, kernel: Btf): string[] {
  const resolver = createCoreResolver(types, kernel);
  return relocations.map((relocation) => {
    const outcome = resolver.resolve(relocation);
    if (outcome.kind !== 'resolved') return `${relocation.kind}: ${outcome.kind}`;
    // Ids of a part are not those of the whole.
    const value = relocation.kind === 'type-id-target' ? outcome.value !== 0n : outcome.value;
    return `${relocation.kind}: ${value} ${JSON.stringify(outcome.memorySize ?? null)}`;
  });
}

function bpftoolMinimum(kernel: string, object: string): Btf {
  const path = join(workshop.folder, 'minimum.btf');
  execFileSync('bpftool', ['gen', 'min_core_btf', kernel, path, object], { stdio: 'pipe' });
  return parseBtf(readFileSync(path));
}

function kernels(): string[] {
  const series = (process.env['BPFSHIP_TEST_KERNELS'] ?? '5.10,6.12').split(',').filter(Boolean);
  return [...series.map(kernelBtf), ...(existsSync(RUNNING) ? [RUNNING] : [])];
}

describe.skipIf(lacks('debian-archive'))('the minimal BTF of a kernel', () => {
  it('decides every relocation as the whole BTF does, and as the minimum of bpftool does', () => {
    for (const path of kernels()) {
      const kernel = parseBtf(readFileSync(path));
      for (const object of compileSet(SMALL_SET)) {
        const need = needOf(object);
        const bytes = buildMinimalKernelBtf(kernel, [need]);
        const whole = outcomes(need, kernel);
        expect([object, outcomes(need, parseBtf(bytes))]).toEqual([object, whole]);
        expect([object, outcomes(need, bpftoolMinimum(path, object))]).toEqual([object, whole]);
        expect(bytes.length).toBeLessThan(10_000);
        expect(buildMinimalKernelBtf(kernel, [need])).toEqual(bytes);
      }
    }
  }, 300_000);

  it('is BTF that the loader takes in the place of the kernel’s own', () => {
    const [path = RUNNING] = kernels();
    const [object = ''] = compileSet(SMALL_SET);
    const out = join(workshop.folder, 'ours.btf');
    writeFileSync(out, buildMinimalKernelBtf(parseBtf(readFileSync(path)), [needOf(object)]));
    expect(execFileSync('bpftool', ['btf', 'dump', 'file', out], { encoding: 'utf8' })).toContain('STRUCT');
  });
});
