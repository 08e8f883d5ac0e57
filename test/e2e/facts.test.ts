import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { compileObject, execCounter, packetCounter } from '../../packages/runtime-shim/test/support/compile-object.ts';
import { runInGuest } from '../guest/run-in-guest.ts';
import { itNeeds } from '../support/capabilities.ts';

/** What the guest tells. */
interface FactsResult {
  release: string;
  objects: number;
  different: string[];
  loads: Record<string, { verdict: string; kernel: boolean }>;
  features: Record<string, boolean>;
  programTypes: Record<string, boolean>;
  mapTypes: Record<string, boolean>;
}

/** By kernel series: what tells its verifier from those before, as spec/kernel-facts.md has it. */
const SINCE: readonly (readonly [series: string, features: readonly string[]])[] = [
  ['5.10', ['stack-scalar-spills', 'narrow-stack-spills', 'readonly-map-constants', 'linked-scalars', 'bounded-loops']],
  ['6.1', ['atomics', 'kfunc-calls', 'sleepable-uprobe', 'callback-stack-constants', 'lsm-cgroup', 'bpf-cookie']],
  [
    '6.12',
    ['cpu-v4', 'may-goto', 'lazy-global-functions', 'range-contradictions', 'kfunc-address', 'tcx', 'bpf-token'],
  ],
  ['7.2', ['constant-exclusion', 'constant-division', 'load-acquire', 'indirect-jumps', 'signed-loader', 'fsession']],
];
const SOURCES: readonly string[] = [
  execCounter(),
  packetCounter({ section: 'xdp.frags' }),
  `struct task_struct { int pid; int no_such_field; } __attribute__((preserve_access_index));
   SEC("fentry/do_exit") int a(void *c) { return ((struct task_struct *)bpf_get_current_task_btf())->pid; }
   SEC("kprobe/vfs_read") int b(void *c) { struct task_struct *t = (void *)bpf_get_current_task(); return __builtin_preserve_field_info(t->no_such_field, 2); }`,
  `SEC("lsm/file_open") int a(void *c) { return 0; } SEC("iter/task") int b(void *c) { return 0; } SEC("tp_btf/sched_switch") int d(void *c) { return 0; }
   SEC("tp/sched/sched_switch") int e(void *c) { return 0; } SEC("tp/no/such") int f(void *c) { return 0; } SEC("kprobe.multi/tcp_v4_*") int g(void *c) { return 0; }`,
  `extern const void do_exit __ksym; extern const int runqueues __ksym; extern int CONFIG_BPF __kconfig __weak;
   SEC("raw_tp/sys_enter") int a(void *c) { return (long)&do_exit + (long)&runqueues + CONFIG_BPF; }`,
];
/** Types that only the module nf_conntrack has: by file, whether the field is there. */
const OF_MODULE = { 'module-field.o': 'users4', 'module-no-field.o': 'no_such_field' } as const;
const ofModule = (field: string): string =>
  `struct nf_conntrack_net { unsigned int ${field}; } __attribute__((preserve_access_index));
   SEC("raw_tp/sys_enter") int a(void *c) { return __builtin_preserve_field_info(((struct nf_conntrack_net *)0)->${field}, 0) + 1; }`;

const kernels = (process.env['BPFSHIP_TEST_KERNELS'] ?? '5.10,6.12').split(',');
const itInGuest = itNeeds('qemu', 'debian-archive');
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bpfship-objects-'));
  for (const [i, source] of SOURCES.entries()) writeFileSync(join(folder, `${i}.o`), compileObject(source));
  for (const [file, field] of Object.entries(OF_MODULE))
    writeFileSync(join(folder, file), compileObject(ofModule(field)));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(kernels)('kernel facts of Debian’s Linux %s in qemu', (series) => {
  itInGuest(
    'decide elsewhere as there, and tell this verifier from others',
    async () => {
      const { output, status } = await runInGuest({
        kernel: series,
        files: {
          '/work/objects': folder,
          '/bpfship/test/guest/compare-facts.ts': join(import.meta.dirname, '..', 'guest', 'compare-facts.ts'),
        },
        command: 'cd /bpfship && node test/guest/compare-facts.ts',
        modules: ['nf_conntrack'],
      });
      expect(status, output.slice(-4000)).toBe(0);
      const line = output.split('\n').find((text) => text.startsWith('facts-result:')) ?? '';
      const result = JSON.parse(line.slice('facts-result:'.length)) as FactsResult;
      expect(result).toMatchObject({ objects: SOURCES.length + Object.keys(OF_MODULE).length, different: [] });
      // Modules show their BTF since 5.11.
      const there = series !== '5.10';
      expect(result.loads).toMatchObject({
        'module-field.o': { verdict: there ? 'yes' : 'no', kernel: there },
        'module-no-field.o': { verdict: 'no', kernel: false },
      });
      const at = SINCE.findIndex(([since]) => since === series);
      for (const [i, [, features]] of SINCE.entries()) {
        const told = Object.fromEntries(features.map((feature) => [feature, result.features[feature]]));
        expect(told).toEqual(Object.fromEntries(features.map((feature) => [feature, i <= at])));
      }
      // Kernels before 5.11 count maps as locked memory: without raising its limit, some would seem to be missing.
      expect(result.mapTypes).toMatchObject({ ringbuf: true, devmap_hash: true, sk_storage: true, stack: true });
      expect(result.programTypes).toMatchObject({ tracing: true, lsm: true, ext: true, struct_ops: true });
    },
    600_000,
  );
});
