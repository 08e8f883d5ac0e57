import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { compileObject, execCounter, REFUSED } from '../support/compile-object.ts';
import { kernelDescriptors } from '../support/descriptors.ts';
import { createSandbox, IS_ROOT } from '../support/sandbox.ts';

describe('libbpf', () => {
  it('says which one it is', async () => {
    await using kernel = openKernel();
    expect(await kernel.library()).toEqual({
      version: expect.stringMatching(/^\d+\.\d+/) as string,
      path: expect.stringContaining('libbpf.so') as string,
      origin: expect.stringMatching(/^(?:own|system|named)$/) as string,
    });
  });

  it('is named with the command that installs it where it is missing', async () => {
    await using kernel = openKernel({ libbpfPath: '/nowhere/libbpf.so.1' });
    await expect(kernel.library()).rejects.toMatchObject({
      code: 'ERR_KERNEL_LIBBPF_MISSING',
      hint: expect.stringContaining('apt-get install libbpf1') as string,
    });
  });

  it('is no other library', async () => {
    await using kernel = openKernel({ libbpfPath: 'libc.so.6' });
    await expect(kernel.library()).rejects.toMatchObject({ code: 'ERR_KERNEL_LIBBPF_MISSING' });
  });

  it('keeps no process alive and answers no more once it is closed', async () => {
    const kernel = openKernel();
    await kernel.library();
    await kernel[Symbol.asyncDispose]();
    await expect(kernel.library()).rejects.toMatchObject({ code: 'ERR_KERNEL_WORKER' });
    await kernel[Symbol.asyncDispose]();
  });
});

describe.skipIf(!IS_ROOT)('load', () => {
  it('loads an object and says what the kernel made of it', async () => {
    await using kernel = openKernel();
    const loaded = await kernel.load({ name: 'counter', bytes: compileObject(execCounter()) });
    expect(loaded.programs).toEqual([
      {
        name: 'count',
        section: 'raw_tp/sched_process_exec',
        type: 'raw_tracepoint',
        id: expect.any(Number) as number,
        tag: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
      },
    ]);
    expect(loaded.maps.map(({ name, type }) => `${name} ${type}`).sort()).toEqual([
      'counts array',
      'events ringbuf',
      'scratch percpu_array',
    ]);
  });

  it('loads programs of sections that are younger than the libbpf in use', async () => {
    await using kernel = openKernel();
    const source = `
SEC("tcx/ingress") int incoming(struct __sk_buff *skb) { return -1; }
SEC("uprobe.multi.s//bin/sh:main") int called(void *ctx) { return 0; }
SEC("xdp.frags") int packet(struct xdp_md *ctx) { return XDP_PASS; }
`;
    const { programs } = await kernel.load({ name: 'young', bytes: compileObject(source) });
    expect(programs.map(({ name, type }) => `${name} ${type}`).sort()).toEqual([
      'called kprobe',
      'incoming sched_cls',
      'packet xdp',
    ]);
  });

  it('rejects what the verifier rejects, with its last words', async () => {
    await using kernel = openKernel();
    await expect(kernel.load({ name: 'bad', bytes: compileObject(REFUSED) })).rejects.toMatchObject({
      code: 'ERR_KERNEL_LOAD_REJECTED',
      details: expect.stringMatching(
        /invalid (?:unbounded )?variable-offset|invalid (?:variable-offset )?read/,
      ) as string,
      log: expect.stringContaining('stack') as string,
    });
  });

  it.each([
    ['an empty file', new Uint8Array()],
    ['text', Buffer.from('this is no object')],
  ])('refuses %s', async (_what, bytes) => {
    await using kernel = openKernel();
    await expect(kernel.load({ name: 'x', bytes })).rejects.toMatchObject({ code: 'ERR_KERNEL_OBJECT_INVALID' });
  });

  it('refuses an object that is cut off anywhere', async () => {
    await using kernel = openKernel();
    const bytes = compileObject(execCounter());
    for (let i = 1; i < 16; i++) {
      const cut = bytes.subarray(0, Math.floor((bytes.length * i) / 16));
      await expect(kernel.load({ name: 'cut', bytes: cut })).rejects.toMatchObject({
        code: 'ERR_KERNEL_OBJECT_INVALID',
      });
    }
  });

  it('pins all or nothing', async () => {
    const { bpffs } = createSandbox();
    await using kernel = openKernel();
    const { id } = await kernel.load({ name: 'counter', bytes: compileObject(execCounter()) });
    const maps = { counts: join(bpffs, 'a'), events: join(bpffs, 'missing', 'b') };
    await expect(kernel.pinObject(id, { maps, programs: {} })).rejects.toMatchObject({ code: 'ERR_KERNEL_PIN' });
    expect(await kernel.inspectPin(maps.counts)).toBeUndefined();
  });

  it('uses a pinned map in the place of its own, but only an equal one', async () => {
    const { bpffs } = createSandbox();
    await using kernel = openKernel();
    const bytes = compileObject(execCounter());
    const first = await kernel.load({ name: 'counter', bytes });
    const pin = join(bpffs, 'counts');
    await kernel.pinObject(first.id, { maps: { counts: pin }, programs: {} });
    const second = await kernel.load({ name: 'counter', bytes, reuseMaps: { counts: pin } });
    const idOf = ({ maps }: typeof first): number | undefined => maps.find(({ name }) => name === 'counts')?.id;
    expect(idOf(second)).toBe(idOf(first));
    const larger = compileObject(execCounter().replace('max_entries, 1)', 'max_entries, 2)'));
    await expect(kernel.load({ name: 'counter', bytes: larger, reuseMaps: { counts: pin } })).rejects.toMatchObject({
      code: 'ERR_KERNEL_MAP_INCOMPATIBLE',
      message: 'map "counts" has another maximum of entries: 1 in the kernel, 2 in the new version',
    });
    const other = compileObject(
      execCounter().replace('max_entries, 1)', 'max_entries, 1); __uint(map_flags, BPF_F_MMAPABLE)'),
    );
    await expect(kernel.load({ name: 'counter', bytes: other, reuseMaps: { counts: pin } })).rejects.toMatchObject({
      code: 'ERR_KERNEL_MAP_INCOMPATIBLE',
      message: 'map "counts" has another flags: 0 in the kernel, 1024 in the new version',
    });
  });

  it('gives every descriptor back when it is closed', async () => {
    const { bpffs } = createSandbox();
    const bytes = compileObject(execCounter({ buffer: 'perf' }));
    for (let i = 0; i < 3; i++) {
      const kernel = openKernel();
      const { id } = await kernel.load({ name: 'counter', bytes });
      const pin = join(bpffs, `events${i}`);
      await kernel.pinObject(id, { maps: { events: pin }, programs: {} });
      await kernel.lockFile(join(bpffs, '..', 'lock'));
      expect(kernelDescriptors()).not.toEqual([]);
      await kernel[Symbol.asyncDispose]();
    }
    expect(kernelDescriptors()).toEqual([]);
  });
});

/** The verifier walks all rounds of its loop: some ten milliseconds. */
const LONG = `
SEC("raw_tp/sys_enter") int walk(void *ctx)
{
	for (int i = 0; i < 100000; i++)
		__asm__ volatile("" : "+r"(i));
	return 0;
}`;

describe.skipIf(!IS_ROOT)('a program that the verifier takes long for', () => {
  it('is loaded also where signals come all the time, as those of a profiler', () => {
    const { folder } = createSandbox();
    const object = join(folder, 'long.bpf.o');
    writeFileSync(object, compileObject(LONG));
    const script = join(import.meta.dirname, '..', 'support', 'load-file.ts');
    const profiler = ['--cpu-prof', '--cpu-prof-interval=100', `--cpu-prof-dir=${folder}`];
    const conditions = ['--conditions=development', '--disable-warning=ExperimentalWarning'];
    const { stdout, stderr } = spawnSync(process.execPath, [...conditions, ...profiler, script, object], {
      encoding: 'utf8',
    });
    expect([stdout, stderr]).toEqual(['walk\n', '']);
  });
});
