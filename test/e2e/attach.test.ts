import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { OciLayoutStore } from '@bpfship/oras-client';
import { buildBinary } from '../../packages/runtime-shim/test/support/bump-library.ts';
import { compileObject } from '../../packages/runtime-shim/test/support/compile-object.ts';
import { packServicesInto } from '../../packages/runtime-shim/test/support/test-service.ts';
import { hitCounter } from '../../packages/runtime-shim/test/support/hit-counter.ts';
import { AFTER, ATTACH_CASES, wayOn } from '../guest/attach-cases.ts';
import { runInGuest } from '../guest/run-in-guest.ts';
import { itNeeds } from '../support/capabilities.ts';

/** A line of the guest's road. */
interface CaseResult {
  name: string;
  way: string;
  error?: string;
  hits?: number;
  after?: number;
  dead?: boolean;
  left?: boolean;
}

const REPLACEABLE = `
__attribute__((noinline)) int replaced(struct xdp_md *ctx) { volatile int result = XDP_PASS; return result; }
SEC("xdp") int outer(struct xdp_md *ctx) { return replaced(ctx); }
`;
/** Counts in `hits`, by program, what opens files. */
const HELD = `
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 2); __type(key, __u32); __type(value, __u64); } hits SEC(".maps");
static int count(__u32 key)
{
	__u64 *number = bpf_map_lookup_elem(&hits, &key);
	if (number)
		__sync_fetch_and_add(number, 1);
	return 0;
}
SEC("tp/syscalls/sys_enter_openat") int tracepoint(void *ctx) { return count(0); }
SEC("kprobe/vfs_open") int probe(void *ctx) { return count(1); }
`;
/** Programs that the road has nothing to make run with: that they attach and detach is all. */
const SILENT: ReadonlySet<string> = new Set(['flow_dissector', 'sk_msg']);

/** Another libbpf than the guest's. */
const OWN_LIBRARY = process.env['BPFSHIP_LIBBPF'];
const kernels = (process.env['BPFSHIP_TEST_KERNELS'] ?? '5.10,6.12,7.2').split(',');
const itInGuest = itNeeds('qemu', 'debian-archive');
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bpfship-attach-'));
  mkdirSync(join(folder, 'objects'));
  for (const each of ATTACH_CASES) {
    const source = hitCounter(each.section, each) + (AFTER[each.name] ?? '');
    writeFileSync(join(folder, 'objects', `${each.name.replaceAll('/', '_')}.o`), compileObject(source));
  }
  writeFileSync(join(folder, 'objects', 'replaceable.o'), compileObject(REPLACEABLE));
  buildBinary(folder, '/work');
  const store = await OciLayoutStore.open(join(folder, 'layout'), { create: true });
  await packServicesInto(
    store,
    ['1.0.0', '1.1.0'].map((version) => ({ version, variants: { only: HELD }, events: {} })),
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(kernels)('Debian’s Linux %s in qemu', (series) => {
  itInGuest(
    'attaches programs of every type, by links or in the older way, and detaches them',
    async () => {
      const { output, status } = await runInGuest({
        timeoutMs: 1_500_000,
        kernel: series,
        modules: ['cls_bpf', 'sch_ingress'],
        files: {
          ...(OWN_LIBRARY === undefined ? {} : { '/work/libbpf.so': OWN_LIBRARY }),
          '/work/objects': join(folder, 'objects'),
          '/work/libbump.so': join(folder, 'libbump.so'),
          '/work/caller': join(folder, 'caller'),
          '/work/layout': join(folder, 'layout'),
          '/bpfship/test/guest/held-road.ts': join(import.meta.dirname, '..', 'guest', 'held-road.ts'),
          '/bpfship/test/guest/attach-road.ts': join(import.meta.dirname, '..', 'guest', 'attach-road.ts'),
          '/bpfship/test/guest/attach-cases.ts': join(import.meta.dirname, '..', 'guest', 'attach-cases.ts'),
        },
        command: `${OWN_LIBRARY === undefined ? '' : 'export BPFSHIP_LIBBPF=/work/libbpf.so; '}cd /bpfship && node test/guest/attach-road.ts && node test/guest/held-road.ts`,
      });
      expect(status, output.slice(-4000)).toBe(0);
      const results = output
        .split('\n')
        .filter((line) => line.startsWith('attach-result:'))
        .map((line) => JSON.parse(line.slice('attach-result:'.length)) as CaseResult);
      const expected = ATTACH_CASES.map((each) => ({ name: each.name, way: wayOn(each, series) }));
      expect(
        results.map(({ name, way }) => ({ name, way })),
        describeErrors(results),
      ).toEqual(expected);
      const end = JSON.parse(/^attach-end:(.*)$/m.exec(output)?.[1] ?? '{}') as { lsm?: string; lo?: string };
      expect(end.lo).not.toMatch(/clsact|xdp/);
      // LSM programs run only where the machine was started with "bpf" among its security modules.
      const silent = end.lsm?.includes('bpf') ? SILENT : new Set([...SILENT, 'lsm', 'lsm_cgroup']);
      for (const { name, hits, after, dead, left } of results.filter(({ way }) => way !== '-')) {
        if (!silent.has(name)) expect(hits, name).toBeGreaterThan(0);
        expect({ name, after, dead, left }).toEqual({ name, after: 0, dead: false, left: false });
      }
      const held = JSON.parse(/^held-result:(.*)$/m.exec(output)?.[1] ?? '{}') as Record<string, unknown>;
      const way = `${series === '5.10' ? 'perf-event-array' : 'link'} stub`;
      const told = (version: string): unknown => ({
        told: { state: 'attached', version, tracepoint: way, probe: way },
        grown: [true, true],
      });
      expect(held).toEqual({
        install: told('1.0.0'),
        upgrade: told('1.1.0'),
        rollback: told('1.0.0'),
        left: false,
      });
    },
    1_600_000,
  );
});

function describeErrors(results: readonly CaseResult[]): string {
  return results.flatMap(({ name, error }) => (error === undefined ? [] : [`${name}: ${error}`])).join('\n');
}
