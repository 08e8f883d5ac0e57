import { release } from 'node:os';
import { describe, expect, it } from 'vitest';
import { deriveRequirements, parseBtf, readBpfObject } from '@bpfship/bpf-object';
import type { BtfIndex, Variant } from '@bpfship/media-types';
import {
  decide,
  factsBtf,
  type KernelFacts,
  kernelFactsBytes,
  neededFacts,
  parseKernelFacts,
} from '@bpfship/portability';
import { exportKernelFacts, type BtfForm } from '../../src/facts/export-kernel-facts.ts';
import { readKernelBtf } from '../../src/facts/kernel-btf.ts';
import { readKernelFacts } from '../../src/facts/read-kernel-facts.ts';
import type { Kernel } from '../../src/kernel/kernel.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { compileObject, execCounter, packetCounter } from '../support/compile-object.ts';
import { IS_ROOT } from '../support/sandbox.ts';

const FIELDS = `
struct task_struct { int pid; int no_such_field; } __attribute__((preserve_access_index));
struct no_such_struct { int x; } __attribute__((preserve_access_index));
`;
const SOURCES: Readonly<Record<string, string>> = {
  counter: execCounter(),
  packets: packetCounter({ section: 'xdp.frags' }),
  fields: `${FIELDS} SEC("kprobe/do_exit") int a(void *c) { struct task_struct *t = (void *)bpf_get_current_task(); int p; bpf_probe_read_kernel(&p, 4, &t->pid); return p; }
    SEC("kretprobe/no_such_function") int b(void *c) { struct task_struct *t = (void *)bpf_get_current_task(); int p; bpf_probe_read_kernel(&p, 4, &t->no_such_field); return p; }`,
  patterns: `SEC("kprobe.multi/do_exi*") int a(void *c) { return 0; } SEC("kprobe.multi/no_such_*") int b(void *c) { return 0; } SEC("ksyscall/execve") int c(void *c) { return 0; }`,
  targets: `SEC("fentry/do_exit") int a(void *c) { return 0; } SEC("fexit/no_such_function") int b(void *c) { return 0; } SEC("tp_btf/sched_switch") int c(void *c) { return 0; } SEC("lsm/file_open") int d(void *c) { return 0; } SEC("iter/task") int e(void *c) { return 0; }`,
  tracepoints: `SEC("tp/sched/sched_switch") int a(void *c) { return 0; } SEC("tp/no/such") int b(void *c) { return 0; } SEC("raw_tp/no_such") int c(void *c) { return 0; }`,
  symbols: `extern const void do_exit __ksym; extern const void no_such_symbol __ksym __weak; extern const int runqueues __ksym __weak; extern int CONFIG_BPF __kconfig __weak; extern int CONFIG_NO_SUCH __kconfig;
    SEC("raw_tp/sys_enter") int a(void *c) { return (long)&do_exit + (&no_such_symbol ? 1 : 0) + (&runqueues ? 1 : 0) + CONFIG_BPF + CONFIG_NO_SUCH; }`,
  guarded: `${FIELDS} extern int CONFIG_BPF __kconfig __weak; extern int LINUX_KERNEL_VERSION __kconfig; extern _Bool LINUX_HAS_BPF_COOKIE __kconfig; extern void no_such_kfunc(void) __ksym __weak; extern const void do_exit __ksym __weak; volatile const int wanted = 1;
    static int bad(void) { struct task_struct *t = (void *)bpf_get_current_task(); return t->no_such_field; }
    SEC("raw_tp/sys_enter") int a(void *c) { if (CONFIG_BPF == 7) return bad(); return 0; }
    SEC("raw_tp/sys_exit") int b(void *c) { if (LINUX_KERNEL_VERSION < 100 || (LINUX_HAS_BPF_COOKIE && !wanted)) return bad(); return 0; }
    SEC("raw_tp/sched_switch") int d(void *c) { if (no_such_kfunc) no_such_kfunc(); if (!&do_exit) return bad(); return 0; }`,
  kfuncs: `extern void *bpf_dynptr_slice(const void *, unsigned, void *, unsigned) __ksym; extern void no_such_kfunc(void) __ksym __weak;
    SEC("xdp") int a(void *c) { if (no_such_kfunc) no_such_kfunc(); return bpf_dynptr_slice(c, 0, 0, 0) != 0; }`,
};

function variantOf(name: string, source: string): Variant {
  const object = readBpfObject(compileObject(source));
  const { requirements, types, guards } = deriveRequirements(object);
  const variant = {
    name,
    layer: `sha256:${'0'.repeat(64)}`,
    platform: { byteOrder: 'little' },
    programs: object.programs.map(({ name: program, section, attachment }) => ({
      name: program,
      section,
      ...attachment,
    })),
    maps: object.maps.map((map) => ({ name: map.name, type: map.type })),
    types: Buffer.from(types).toString('base64'),
    requirements,
    guards,
  };
  return variant as unknown as Variant;
}

/** The facts as another machine reads them. */
async function travelled(kernel: Kernel, btf: Uint8Array | undefined, btfForm: BtfForm): Promise<KernelFacts> {
  return parseKernelFacts(kernelFactsBytes(await exportKernelFacts({ kernel, btf, btfForm })));
}

describe.skipIf(!IS_ROOT)('exportKernelFacts', () => {
  it('decides elsewhere about any package as on the node', async () => {
    await using kernel = openKernel();
    const btf = await readKernelBtf();
    const whole = await travelled(kernel, btf, 'full');
    const compact = await travelled(kernel, btf, 'compact');
    const outcomes = new Set<string>();
    for (const [name, source] of Object.entries(SOURCES)) {
      const variant = variantOf(name, source);
      const index = { variants: [variant] } as unknown as BtfIndex;
      const facts = await readKernelFacts({ kernel, btf, for: neededFacts([variant]) });
      const here = decide({ index, facts, ...(btf ? { btf } : {}) });
      expect([name, decide({ index, facts: compact })]).toEqual([name, here]);
      expect([name, decide({ index, facts: whole })]).toEqual([name, here]);
      for (const finding of here.verdicts[0]?.findings ?? []) outcomes.add(finding.code);
    }
    // Both answers of most rules were asked for.
    expect([...outcomes]).toEqual(expect.arrayContaining(['attach-target-missing', 'kconfig-missing']));
  });

  it('leaves out of the BTF only what no decision needs', async (context) => {
    const btf = await readKernelBtf();
    if (!btf) {
      context.skip();
      return;
    }
    await using kernel = openKernel();
    const facts = await travelled(kernel, btf, 'compact');
    const packed = factsBtf(facts)?.() ?? new Uint8Array();
    const [before, after] = [parseBtf(btf), parseBtf(packed)];
    expect(after.typeCount).toBe(before.typeCount);
    for (let id = 1; id < before.typeCount; id += 37) {
      const type = before.type(id);
      const kept =
        type.kind === 'func_proto'
          ? { ...type, parameters: type.parameters.map((one) => ({ ...one, name: '' })) }
          : type;
      expect(after.type(id)).toEqual(kept);
    }
    expect((facts.btf.compact?.data.length ?? Infinity) * 3).toBeLessThan(btf.length * (4 / 3));
  });

  it('has what no single package asks for', async () => {
    await using kernel = openKernel();
    const facts = await travelled(kernel, await readKernelBtf(), 'none');
    expect(facts).toMatchObject({ release: release(), privileges: { load: true, root: true }, schedExt: {} });
    expect(facts.btf.compact ?? facts.btf.data).toBeUndefined();
    expect(Object.keys(facts.helpers).length).toBeGreaterThan(20);
    expect(Object.keys(facts.helpers['xdp'] ?? {}).length).toBe(211);
    expect(Object.keys(facts.features).length).toBeGreaterThan(60);
    expect(facts.symbols?.functions?.size).toBeGreaterThan(100_000);
  });
});
