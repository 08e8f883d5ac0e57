import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openKernel } from '../../../src/kernel/open-kernel.ts';
import { hitCounter, loadCounter } from '../../support/hit-counter.ts';
import { IS_ROOT } from '../../support/sandbox.ts';
import { layCable } from '../../support/virtual-cable.ts';

const tc = (section: string): string => hitCounter(section, { context: 'struct __sk_buff', result: -1 });

function qdiscs(name: string): string {
  return execFileSync('tc', ['qdisc', 'show', 'dev', name], { encoding: 'utf8' });
}

describe.skipIf(!IS_ROOT)('a program at the packets of an interface', () => {
  it.each([
    ['tc', {}],
    ['tc/ingress', {}],
    ['tcx/ingress', { order: 'first' }],
    ['classifier', { direction: 'ingress' }],
  ] as const)('SEC("%s") is held by a TCX link', async (section, options) => {
    await using kernel = openKernel();
    const cable = layCable();
    const counter = await loadCounter(kernel, tc(section));
    expect(await counter.attach({ interfaceName: cable.name, ...options })).toMatchObject({ type: 'tcx', way: 'link' });
    expect(await counter.hitsBy(() => cable.send(5))).toBeGreaterThanOrEqual(5n);
    expect(await counter.inspect()).toMatchObject({ type: 'tcx', way: 'link', dead: false });
    await counter.detach();
    expect(await counter.hitsBy(() => cable.send(2))).toBe(0n);
  });

  it('sees what is sent', async () => {
    await using kernel = openKernel();
    const cable = layCable();
    const counter = await loadCounter(kernel, tc('tcx/egress'));
    await counter.attach({ interfaceName: cable.name });
    expect(await counter.hitsBy(() => cable.answer(3))).toBeGreaterThanOrEqual(3n);
  });

  it('is a classifier where there are no TCX links, is switched in place, and leaves no qdisc', async () => {
    await using kernel = openKernel();
    const cable = layCable();
    const [first, second] = [await loadCounter(kernel, tc('tc')), await loadCounter(kernel, tc('tc'))];
    const options = { interfaceName: cable.name, withoutLink: true };
    const attached = await first.attach(options);
    expect(attached).toMatchObject({ type: 'tc', way: 'tc-filter' });
    expect(attached.id).toBeLessThan(0);
    expect(await first.inspect()).toMatchObject({ kind: 'link', id: attached.id, way: 'tc-filter', dead: false });
    expect(await first.hitsBy(() => cable.send(5))).toBeGreaterThanOrEqual(5n);

    await kernel.updateLink(first.linkPin, second.object.id, 'hit');
    await kernel.copyPin(first.linkPin, second.linkPin);
    expect(await second.inspect()).toMatchObject({ id: attached.id, programId: second.object.programs[0]?.id });
    expect(await first.hitsBy(() => cable.send(1))).toBe(0n);
    expect(await second.hitsBy(() => cable.send(5))).toBeGreaterThanOrEqual(5n);

    await second.detach();
    expect(await second.hitsBy(() => cable.send(1))).toBe(0n);
    expect(await first.inspect()).toMatchObject({ dead: true });
    await first.detach();
    expect(existsSync(first.linkPin)).toBe(false);
    expect(qdiscs(cable.name)).not.toContain('clsact');
  });

  it('leaves the classifiers and the qdisc of others', async () => {
    await using kernel = openKernel();
    const cable = layCable();
    const counter = await loadCounter(kernel, tc('tc'));
    execFileSync('tc', ['qdisc', 'add', 'dev', cable.name, 'clsact']);
    const other = ['dev', cable.name, 'ingress', 'prio', '49152', 'protocol', 'all'];
    execFileSync('tc', ['filter', 'add', ...other, 'u32', 'match', 'u32', '0', '0', 'flowid', '1:1']);
    await counter.attach({ interfaceName: cable.name, withoutLink: true });
    await counter.detach();
    expect(execFileSync('tc', ['filter', 'show', 'dev', cable.name, 'ingress'], { encoding: 'utf8' })).toContain('u32');
    expect(qdiscs(cable.name)).toContain('clsact');
  });

  it('does not take away what somebody else put in its place', async () => {
    await using kernel = openKernel();
    const cable = layCable();
    const counter = await loadCounter(kernel, hitCounter('xdp', { context: 'struct xdp_md', result: 2 }));
    const other = await loadCounter(kernel, hitCounter('xdp', { context: 'struct xdp_md', result: 2 }));
    const options = { interfaceName: cable.name, withoutLink: true };
    await counter.attach(options);
    execFileSync('ip', ['link', 'set', 'dev', cable.name, 'xdp', 'off']);
    expect(await counter.inspect()).toMatchObject({ dead: true });
    await other.attach(options);
    await counter.detach();
    expect(await other.hitsBy(() => cable.send(3))).toBeGreaterThanOrEqual(3n);
    await other.detach();
  });

  it.each([
    ['link', 'native', false],
    ['link', 'generic', false],
    ['netlink', 'native', true],
    ['netlink', 'generic', true],
  ] as const)('runs by XDP: %s, %s', async (way, xdpMode, withoutLink) => {
    await using kernel = openKernel();
    const cable = layCable();
    const source = hitCounter('xdp', { context: 'struct xdp_md', result: 2 });
    const [first, second] = [await loadCounter(kernel, source), await loadCounter(kernel, source)];
    await first.attach({ interfaceName: cable.name, xdpMode, withoutLink });
    expect(await first.inspect()).toMatchObject({ type: 'xdp', way, dead: false });
    const shown = execFileSync('ip', ['-d', 'link', 'show', cable.name], { encoding: 'utf8' });
    expect(/xdpgeneric/.test(shown)).toBe(xdpMode === 'generic');
    expect(await first.hitsBy(() => cable.send(3))).toBeGreaterThanOrEqual(3n);
    await kernel.updateLink(first.linkPin, second.object.id, 'hit');
    expect(await second.hitsBy(() => cable.send(3))).toBeGreaterThanOrEqual(3n);
    expect(await first.inspect()).toMatchObject({ programId: second.object.programs[0]?.id, dead: false });
    await first.detach();
    expect(await second.hitsBy(() => cable.send(1))).toBe(0n);
  });

  it('sees the packets of an interface as a socket filter, which a process holds', async () => {
    const cable = layCable();
    await using kernel = openKernel();
    const counter = await loadCounter(kernel, hitCounter('socket', { context: 'struct __sk_buff' }));
    const attached = await counter.attach({ interfaceName: cable.name });
    expect(attached).toMatchObject({ type: 'socket_filter', way: 'holder' });
    expect(await counter.inspect()).toMatchObject({ id: attached.id, dead: false });
    expect(await counter.hitsBy(() => cable.send(4))).toBeGreaterThanOrEqual(4n);
    await counter.detach();
    expect(await counter.hitsBy(() => cable.send(1))).toBe(0n);
    expect(await counter.inspect()).toBeUndefined();
  });

  it('works in another network namespace', async () => {
    await using kernel = openKernel();
    const cable = layCable();
    const netnsPath = join('/run/netns', cable.namespace);
    for (const [section, withoutLink] of [
      ['tc/ingress', false],
      ['tc/ingress', true],
    ] as const) {
      const counter = await loadCounter(kernel, tc(section));
      await counter.attach({ interfaceName: 'far', netnsPath, withoutLink });
      expect(await counter.hitsBy(() => cable.answer(3))).toBeGreaterThanOrEqual(3n);
      expect(await counter.inspect()).toMatchObject({ dead: false });
      await counter.detach();
      expect(await counter.hitsBy(() => cable.answer(1))).toBe(0n);
    }
  });

  it('needs an interface, and one that is there', async () => {
    await using kernel = openKernel();
    const counter = await loadCounter(kernel, tc('tc'));
    await expect(counter.attach()).rejects.toMatchObject({
      code: 'ERR_KERNEL_ATTACH',
      message: 'program "hit" needs a network interface',
    });
    await expect(counter.attach({ interfaceName: 'nowhere0' })).rejects.toMatchObject({
      code: 'ERR_KERNEL_ATTACH',
      message: 'there is no network interface "nowhere0"',
    });
    await expect(counter.attach({ interfaceName: 'far', netnsPath: '/run/netns/nowhere' })).rejects.toMatchObject({
      code: 'ERR_KERNEL_ATTACH',
      message: expect.stringContaining('/run/netns/nowhere') as string,
    });
  });
});
