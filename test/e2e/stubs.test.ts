import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { copy, OciLayoutStore } from '@bpfship/oras-client';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { packServices } from '../../packages/runtime-shim/test/support/test-service.ts';
import { runInGuest } from '../guest/run-in-guest.ts';
import { CALLER, STUB_CASES, stubSource } from '../guest/stub-cases.ts';
import { itNeeds } from '../support/capabilities.ts';

/** A line of the guest's road. */
interface CaseResult {
  name: string;
  switched?: string[];
  why?: string;
  made?: number;
  seen?: number[];
  error?: string;
}

const kernels = (process.env['BPFSHIP_TEST_KERNELS'] ?? '5.10,7.2').split(',');
const GUEST: string = join(import.meta.dirname, '..', 'guest');
const itInGuest = itNeeds('qemu', 'debian-archive');
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bpfship-stubs-'));
  writeFileSync(join(folder, 'caller.c'), CALLER);
  execFileSync('cc', ['-O2', '-static', '-o', 'caller', 'caller.c'], { cwd: folder });
  mkdirSync(join(folder, 'layouts'));
  for (const each of STUB_CASES) {
    const { store } = await packServices(
      ['1.0.0', '1.1.0'].map((version, i) => ({
        name: each.name,
        version,
        variants: { one: stubSource(each, i) },
        events: {},
      })),
    );
    const layout = await OciLayoutStore.open(join(folder, 'layouts', each.name), { create: true });
    for (const version of ['1.0.0', '1.1.0']) await copy(store, version, layout, version);
  }
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(kernels)('Debian’s Linux %s in qemu', (series) => {
  itInGuest(
    'switches programs at tracepoints, probes, functions and LSM hooks by stubs, with every call counted once',
    async () => {
      const { output, status } = await runInGuest({
        kernel: series,
        timeoutMs: 900_000,
        ...(process.env['BPFSHIP_SHOW'] === undefined ? {} : { onLine: (line) => process.stdout.write(`${line}\n`) }),
        files: {
          '/work/layouts': join(folder, 'layouts'),
          '/work/caller': join(folder, 'caller'),
          '/bpfship/test/guest/stub-road.ts': join(GUEST, 'stub-road.ts'),
          '/bpfship/test/guest/stub-cases.ts': join(GUEST, 'stub-cases.ts'),
        },
        command: 'cd /bpfship && node test/guest/stub-road.ts',
      });
      expect(status, output.slice(-4000)).toBe(0);
      const results = output
        .split('\n')
        .filter((line) => line.startsWith('stub-result:'))
        .map((line) => JSON.parse(line.slice('stub-result:'.length)) as CaseResult);
      expect(results.map(({ name }) => name)).toEqual(STUB_CASES.map(({ name }) => name));
      for (const [i, { name, switched, why, made = 0, seen = [], error }] of results.entries()) {
        if (STUB_CASES[i]?.missing?.includes(series)) {
          expect(error, name).toBeDefined();
          continue;
        }
        expect({ name, switched, why, error }).toEqual({ name, switched: ['stub'], why: undefined, error: undefined });
        expect({ name, seen: seen.reduce((sum, number) => sum + number, 0) }).toEqual({ name, seen: made });
        expect(Math.min(...seen), name).toBeGreaterThan(0);
      }
    },
    1_000_000,
  );
});
