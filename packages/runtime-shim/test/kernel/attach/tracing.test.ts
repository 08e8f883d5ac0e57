import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { arch } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openKernel } from '../../../src/kernel/open-kernel.ts';
import { buildBinary } from '../../support/bump-library.ts';
import { hitCounter, loadCounter } from '../../support/hit-counter.ts';
import { createSandbox, IS_ROOT } from '../../support/sandbox.ts';
import { waitFor } from '../../support/wait-for.ts';

const burn = (): void => void spawnSync('sh', ['-c', 'i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done']);
const execute = (): void => void execFileSync('/bin/true');

describe.skipIf(!IS_ROOT)('a program at a hook of the kernel', () => {
  it.each([
    ['raw_tp/sched_process_exec', 'raw_tracepoint'],
    ['raw_tracepoint/sched_process_exec', 'raw_tracepoint'],
    ['tp_btf/sched_process_exec', 'raw_tracepoint'],
    ['tp/sched/sched_process_exec', 'perf_event'],
    ['tracepoint/sched/sched_process_exec', 'perf_event'],
  ])('SEC("%s")', async (section, type) => {
    await using kernel = openKernel();
    const counter = await loadCounter(kernel, hitCounter(section));
    expect(await counter.attach()).toMatchObject({ type, way: 'link' });
    expect(await counter.hitsBy(execute)).toBeGreaterThan(0n);
    expect(await counter.inspect()).toMatchObject({ type, dead: false });
    await counter.detach();
    await untilStill(counter, execute);
  });

  it('may be told at run time where its section does not say it', async () => {
    await using kernel = openKernel();
    const raw = await loadCounter(kernel, hitCounter('raw_tp'));
    await expect(raw.attach()).rejects.toMatchObject({ message: 'program "hit" needs a tracepoint' });
    await raw.attach({ symbol: 'sched_process_exec' });
    expect(await raw.hitsBy(execute)).toBeGreaterThan(0n);
    await raw.detach();
    const tracepoint = await loadCounter(kernel, hitCounter('tp'));
    await expect(tracepoint.attach({ symbol: 'sched/no_such' })).rejects.toMatchObject({
      code: 'ERR_KERNEL_ATTACH',
      message: 'there is no tracepoint sched/no_such for program "hit"',
    });
    await tracepoint.attach({ symbol: 'sched/sched_process_exec' });
    expect(await tracepoint.hitsBy(execute)).toBeGreaterThan(0n);
    await tracepoint.detach();
    const loaded = await loadCounter(kernel, hitCounter('tp_btf'), { hit: { symbol: 'sched_process_exec' } });
    await loaded.attach();
    expect(await loaded.hitsBy(execute)).toBeGreaterThan(0n);
    await loaded.detach();
    await expect(loadCounter(kernel, hitCounter('tp_btf'), { hit: { symbol: 'no_such_thing' } })).rejects.toMatchObject(
      { code: 'ERR_KERNEL_ATTACH', message: expect.stringContaining('no_such_thing') as string },
    );
  });

  it('stays on a perf event without a link, in a map that outlives the process, and goes with it', async () => {
    await using kernel = openKernel();
    let counter;
    {
      await using first = openKernel();
      counter = await loadCounter(first, hitCounter('tp/sched/sched_process_exec'));
      expect(await counter.attach({ withoutLink: true })).toMatchObject({
        type: 'perf_event',
        way: 'perf-event-array',
      });
    }
    const { linkPin } = counter;
    const hits = async (): Promise<bigint> =>
      Buffer.from((await kernel.dumpMap(join(linkPin, '..', 'hits'), 1))[0]?.value ?? []).readBigUInt64LE(0);
    const before = await hits();
    execute();
    expect(await hits()).toBeGreaterThan(before);
    const info = await kernel.inspectPin(linkPin);
    expect(info).toMatchObject({ kind: 'link', way: 'perf-event-array', dead: false });
    const copy = `${linkPin}-copy`;
    await kernel.copyPin(linkPin, copy);
    expect(await kernel.inspectPin(copy)).toEqual(info);
    await kernel.removeLink(linkPin);
    execute();
    const between = await hits();
    execute();
    expect(await hits()).toBeGreaterThan(between);
    await kernel.removeLink(copy);
    await waitFor(async () => {
      const last = await hits();
      execute();
      return (await hits()) === last || undefined;
    });
    expect(existsSync(copy)).toBe(false);
  });

  it('samples the CPUs’ clocks, a link for each', async () => {
    await using kernel = openKernel();
    const counter = await loadCounter(kernel, hitCounter('perf_event'));
    expect(await counter.attach({ sampleFrequency: 999 })).toMatchObject({ type: 'perf_event', way: 'link' });
    expect(await counter.hitsBy(burn)).toBeGreaterThan(0n);
    expect(await counter.inspect()).toMatchObject({ way: 'link', dead: false });
    await counter.detach();
    await untilStill(counter, burn);
    expect(existsSync(counter.linkPin)).toBe(false);
    await counter.attach({ sampleFrequency: 999, cpu: 0, withoutLink: true });
    await counter.detach();
    await expect(counter.attach({ cpu: 9999 })).rejects.toMatchObject({ code: 'ERR_KERNEL_ATTACH' });
  });

  it('is read where it is an iterator', async () => {
    await using kernel = openKernel();
    const counter = await loadCounter(kernel, hitCounter('iter/task'));
    expect(await counter.attach()).toMatchObject({ type: 'iter', way: 'link' });
    expect(await counter.hitsBy(() => readFileSync(counter.linkPin))).toBeGreaterThan(3n);
    await counter.detach();
    const one = await loadCounter(kernel, hitCounter('iter/task'));
    await one.attach({ pid: process.pid });
    expect(await one.hitsBy(() => readFileSync(one.linkPin))).toBeLessThan(200n);
    await one.detach();
  });
});

const USDT_HEAD = `#define __TARGET_ARCH_${arch() === 'arm64' ? 'arm64' : 'x86'}
#include <stdbool.h>
#include <linux/ptrace.h>
#include <bpf/bpf_tracing.h>
#include <bpf/usdt.bpf.h>`;

describe.skipIf(!IS_ROOT)('a program at a function of a user’s program', () => {
  it.each([
    ['uprobe', {}, 3n],
    ['uretprobe', {}, 3n],
    ['uprobe', { withoutLink: true }, 3n],
    ['uprobe.multi', { symbol: 'bump*' }, 6n],
    ['uretprobe.multi', { symbol: 'bump_more' }, 3n],
    ['uprobe.multi', { symbol: 'bump*', withoutLink: true }, 6n],
  ] as const)('%s %o', async (kind, options, expected) => {
    await using kernel = openKernel();
    const { folder } = createSandbox();
    const { program, library } = buildBinary(folder);
    const counter = await loadCounter(kernel, hitCounter(kind));
    const target = { binaryPath: library, symbol: 'bump', ...options };
    const withoutLink = 'withoutLink' in options;
    const attached = await counter.attach(target);
    expect(attached.way).toBe(withoutLink ? 'perf-event-array' : 'link');
    const call = (): void => void execFileSync(program);
    expect(await counter.hitsBy(call)).toBe(expected);
    expect(await counter.inspect()).toMatchObject({ dead: false });
    await counter.detach();
    await untilStill(counter, call);
  });

  it('is named by the section, by a place in the file, and for one process', async () => {
    await using kernel = openKernel();
    const { folder } = createSandbox();
    const { program, library } = buildBinary(folder);
    const call = (): void => void execFileSync(program);
    const named = await loadCounter(kernel, hitCounter(`uprobe/${library}:bump_more`));
    await named.attach();
    expect(await named.hitsBy(call)).toBe(3n);
    await named.detach();
    const symbols = execFileSync('nm', ['-D', library], { encoding: 'utf8' });
    const offset = Number.parseInt(/^([\da-f]+) T bump$/m.exec(symbols)?.[1] ?? '', 16);
    const placed = await loadCounter(kernel, hitCounter('uprobe'));
    await placed.attach({ binaryPath: library, offset });
    expect(await placed.hitsBy(call)).toBe(3n);
    await placed.detach();
    await placed.attach({ binaryPath: library, symbol: 'bump', pid: process.pid });
    expect(await placed.hitsBy(call)).toBe(0n);
    await placed.detach();
  });

  it.each([[false], [true]])('is a static probe: without links: %s', async (withoutLink) => {
    await using kernel = openKernel();
    const { folder } = createSandbox();
    const { program, library } = buildBinary(folder);
    const before = USDT_HEAD;
    const counter = await loadCounter(kernel, hitCounter('usdt', { context: 'struct pt_regs', before }));
    const target = { binaryPath: library, provider: 'bump', symbol: 'probe', withoutLink };
    expect(await counter.attach(target)).toMatchObject({ way: 'link' });
    const call = (): void => void execFileSync(program);
    expect(await counter.hitsBy(call)).toBe(3n);
    await counter.detach();
    await untilStill(counter, call);
  });

  it('is refused what is not there, by name', async () => {
    await using kernel = openKernel();
    const { folder } = createSandbox();
    const { library } = buildBinary(folder);
    const text = join(folder, 'text');
    copyFileSync(join(folder, 'bump.c'), text);
    const counter = await loadCounter(kernel, hitCounter('uprobe'));
    await expect(counter.attach()).rejects.toMatchObject({ message: 'program "hit" needs an executable or library' });
    await expect(counter.attach({ binaryPath: '/no/such/file', symbol: 'x' })).rejects.toMatchObject({
      message: 'there is no executable or library /no/such/file for program "hit"',
    });
    await expect(counter.attach({ binaryPath: library })).rejects.toMatchObject({
      message: `program "hit" needs a function of ${library}`,
    });
    await expect(counter.attach({ binaryPath: library, symbol: 'nothing' })).rejects.toMatchObject({
      message: `${library} has no function nothing for program "hit"`,
    });
    await expect(counter.attach({ binaryPath: text, symbol: 'bump' })).rejects.toMatchObject({ errno: 'ENOEXEC' });
    const before = USDT_HEAD;
    const probe = await loadCounter(kernel, hitCounter('usdt', { context: 'struct pt_regs', before }));
    await expect(probe.attach({ binaryPath: library, provider: 'bump', symbol: 'none' })).rejects.toMatchObject({
      code: 'ERR_KERNEL_ATTACH',
      errno: 'ENOENT',
    });
  });
});

/** Older kernels let go of a link only some milliseconds after its pin (kernel/bpf/inode.c, bpf_free_inode). */
async function untilStill(
  counter: { hitsBy: (action: () => unknown) => Promise<bigint> },
  action: () => unknown,
): Promise<void> {
  await waitFor(async () => (await counter.hitsBy(action)) === 0n || undefined);
}
