import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Kernel, LoadedObject } from '../../src/kernel/kernel.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { compileObject, execCounter, packetCounter } from '../support/compile-object.ts';
import { kernelDescriptors } from '../support/descriptors.ts';
import { createSandbox, IS_ROOT } from '../support/sandbox.ts';
import { layCable } from '../support/virtual-cable.ts';
import { waitFor } from '../support/wait-for.ts';

/** Loads and pins its map. */
async function load(kernel: Kernel, source: string, map: string, pin: string): Promise<LoadedObject> {
  const loaded = await kernel.load({ name: 'test', bytes: compileObject(source) });
  await kernel.pinObject(loaded.id, { maps: { [map]: pin }, programs: {} });
  return loaded;
}

async function countIn(kernel: Kernel, pin: string): Promise<bigint> {
  const [entry] = await kernel.dumpMap(pin, 10);
  return Buffer.from(entry?.value ?? []).readBigUInt64LE(0);
}

/** Older kernels let go of a link only some milliseconds after its pin (kernel/bpf/inode.c, bpf_free_inode). */
async function untilStopped(kernel: Kernel, pin: string): Promise<void> {
  await waitFor(async () => {
    const before = await countIn(kernel, pin);
    runProgram();
    return (await countIn(kernel, pin)) === before || undefined;
  });
}

function runProgram(): void {
  execFileSync('/bin/true');
}

describe.skipIf(!IS_ROOT)('a raw tracepoint link', () => {
  it('stays when everything but its pin is closed, and goes with it', async () => {
    const { bpffs } = createSandbox();
    const counts = join(bpffs, 'counts');
    const linkPin = join(bpffs, 'link');
    {
      await using kernel = openKernel();
      const { id } = await load(kernel, execCounter(), 'counts', counts);
      expect(await kernel.attach(id, 'count', { linkPin })).toMatchObject({ pin: linkPin, type: 'raw_tracepoint' });
    }
    await using kernel = openKernel();
    const before = await countIn(kernel, counts);
    runProgram();
    const after = await countIn(kernel, counts);
    expect(after).toBeGreaterThan(before);
    expect(await kernel.inspectPin(linkPin)).toMatchObject({ kind: 'link', type: 'raw_tracepoint', dead: false });
    await kernel.removeLink(linkPin);
    await untilStopped(kernel, counts);
    await kernel.removeLink(linkPin);
  });

  it('cannot be switched in place', async () => {
    const { bpffs } = createSandbox();
    await using kernel = openKernel();
    const { id } = await load(kernel, execCounter(), 'counts', join(bpffs, 'counts'));
    const linkPin = join(bpffs, 'link');
    await kernel.attach(id, 'count', { linkPin });
    await expect(kernel.updateLink(linkPin, id, 'count')).rejects.toMatchObject({
      code: 'ERR_KERNEL_LINK_UPDATE_UNSUPPORTED',
    });
  });

  it('is refused for a tracepoint that is not there', async () => {
    const { bpffs } = createSandbox();
    await using kernel = openKernel();
    const { id } = await load(kernel, execCounter({ hook: 'raw_tp/no_such_thing' }), 'counts', join(bpffs, 'counts'));
    await expect(kernel.attach(id, 'count', { linkPin: join(bpffs, 'link') })).rejects.toMatchObject({
      code: 'ERR_KERNEL_ATTACH',
      message: expect.stringContaining('count') as string,
    });
    expect(existsSync(join(bpffs, 'link'))).toBe(false);
  });
});

describe.skipIf(!IS_ROOT)('a link of a perf event', () => {
  it.each([
    ['where tracefs is mounted', true],
    ['where tracefs may be mounted nowhere', false],
  ])('ends with its pin, also in the process that made it: %s', async (_where, mounted) => {
    const { bpffs } = createSandbox();
    if (mounted) mountTracefs();
    await using kernel = openKernel();
    const counts = join(bpffs, 'counts');
    const linkPin = join(bpffs, 'link');
    const { id } = await load(kernel, execCounter({ hook: 'tp/sched/sched_process_exec' }), 'counts', counts);
    const descriptors = kernelDescriptors();
    expect(await kernel.attach(id, 'count', { linkPin })).toMatchObject({ type: 'perf_event' });
    expect(kernelDescriptors()).toEqual(descriptors);
    const before = await countIn(kernel, counts);
    runProgram();
    expect(await countIn(kernel, counts)).toBeGreaterThan(before);
    await kernel.removeLink(linkPin);
    await untilStopped(kernel, counts);
  });
});

function mountTracefs(): void {
  const path = '/sys/kernel/tracing';
  if (existsSync(`${path}/events`)) return;
  execFileSync('mount', ['-t', 'tracefs', 'tracefs', path], { stdio: 'ignore' });
  onTestFinished(() => void execFileSync('umount', [path]));
}

describe.skipIf(!IS_ROOT)('an XDP link', () => {
  it('is switched in place, between kinds too, without missing a packet', async () => {
    const { bpffs } = createSandbox();
    const cable = layCable();
    await using kernel = openKernel();
    const [first, second, linkPin] = [join(bpffs, 'a'), join(bpffs, 'b'), join(bpffs, 'link')];
    const plain = await load(kernel, packetCounter(), 'packets', first);
    const frags = await load(kernel, packetCounter({ section: 'xdp.frags' }), 'packets', second);
    await kernel.attach(plain.id, 'packet', { linkPin, interfaceName: cable.name });
    cable.send(5);
    await kernel.updateLink(linkPin, frags.id, 'packet');
    cable.send(7);
    expect([await countIn(kernel, first), await countIn(kernel, second)]).toEqual([5n, 7n]);
    const link = await kernel.inspectPin(linkPin);
    expect(link).toMatchObject({ type: 'xdp', programId: frags.programs[0]?.id });
  });

  it('is refused where there is no interface, and where one is taken', async () => {
    const { bpffs } = createSandbox();
    const cable = layCable();
    await using kernel = openKernel();
    const { id } = await load(kernel, packetCounter(), 'packets', join(bpffs, 'a'));
    const attach = (linkPin: string, interfaceName?: string): Promise<unknown> =>
      kernel.attach(id, 'packet', { linkPin: join(bpffs, linkPin), ...(interfaceName ? { interfaceName } : {}) });
    await expect(attach('none')).rejects.toMatchObject({ code: 'ERR_KERNEL_ATTACH' });
    await expect(attach('none', 'nowhere0')).rejects.toMatchObject({
      code: 'ERR_KERNEL_ATTACH',
      message: 'there is no network interface "nowhere0"',
    });
    await attach('first', cable.name);
    await expect(attach('second', cable.name)).rejects.toMatchObject({
      code: 'ERR_KERNEL_ATTACH',
      errno: 'EBUSY',
      hint: expect.stringContaining('Another XDP program') as string,
    });
  });

  it('is dead when its interface is gone', async () => {
    const { bpffs } = createSandbox();
    const cable = layCable();
    await using kernel = openKernel();
    const linkPin = join(bpffs, 'link');
    const { id } = await load(kernel, packetCounter(), 'packets', join(bpffs, 'a'));
    await kernel.attach(id, 'packet', { linkPin, interfaceName: cable.name });
    expect(await kernel.inspectPin(linkPin)).toMatchObject({ dead: false });
    cable.remove();
    expect(await kernel.inspectPin(linkPin)).toMatchObject({ dead: true });
    await expect(kernel.updateLink(linkPin, id, 'packet')).rejects.toMatchObject({ code: 'ERR_KERNEL_LINK_DEAD' });
    await kernel.removeLink(linkPin);
    expect(existsSync(linkPin)).toBe(false);
  });

  it('is refused the program of another type', async () => {
    const { bpffs } = createSandbox();
    const cable = layCable();
    await using kernel = openKernel();
    const linkPin = join(bpffs, 'link');
    const xdp = await load(kernel, packetCounter(), 'packets', join(bpffs, 'a'));
    const tracepoint = await load(kernel, execCounter(), 'counts', join(bpffs, 'b'));
    await kernel.attach(xdp.id, 'packet', { linkPin, interfaceName: cable.name });
    await expect(kernel.updateLink(linkPin, tracepoint.id, 'count')).rejects.toMatchObject({
      code: 'ERR_KERNEL_ATTACH',
      errno: 'EINVAL',
    });
  });
});
