import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openKernel } from '../../../src/kernel/open-kernel.ts';
import { congestionControl, connectBy } from '../../support/congestion-control.ts';
import { loadCounter } from '../../support/hit-counter.ts';
import { IS_ROOT } from '../../support/sandbox.ts';

describe.skipIf(!IS_ROOT)('a struct_ops', () => {
  it('is registered without a link where the object wants none, outlives its process, and is unregistered', async () => {
    const name = `bs${process.pid % 1_000_000}`;
    let counter;
    {
      await using first = openKernel();
      counter = await loadCounter(first, congestionControl('.struct_ops', name));
      await expect(counter.attach()).rejects.toMatchObject({
        code: 'ERR_KERNEL_ATTACH',
        message: expect.stringContaining('one function of a struct_ops') as string,
      });
      const { linkPin } = counter;
      expect(await first.attach(counter.object.id, 'ops', { linkPin })).toMatchObject({
        type: 'struct_ops',
        way: 'registered-map',
      });
    }
    const { linkPin } = counter;
    await using kernel = openKernel();
    const connect = connectBy(name);
    connect();
    expect(await kernel.inspectPin(linkPin)).toMatchObject({ type: 'struct_ops', way: 'registered-map', dead: false });
    await kernel.removeLink(linkPin);
    expect(existsSync(linkPin)).toBe(false);
    expect(connect).toThrow();
  });

  it('is counted by, and there is one of a name', async () => {
    const name = `bt${process.pid % 1_000_000}`;
    await using kernel = openKernel();
    const counter = await loadCounter(kernel, congestionControl('.struct_ops', name));
    const other = await loadCounter(kernel, congestionControl('.struct_ops', name));
    await kernel.attach(counter.object.id, 'ops', { linkPin: counter.linkPin });
    await expect(kernel.attach(other.object.id, 'ops', { linkPin: other.linkPin })).rejects.toMatchObject({
      code: 'ERR_KERNEL_ATTACH',
      errno: 'EEXIST',
    });
    expect(existsSync(other.linkPin)).toBe(false);
    expect(await counter.hitsBy(connectBy(name))).toBeGreaterThan(0n);
    await counter.detach();
  });

  it('is switched in place where it has a link, by one of the same name', async () => {
    const name = `bu${process.pid % 1_000_000}`;
    await using kernel = openKernel();
    const first = await loadCounter(kernel, congestionControl('.struct_ops.link', name));
    const second = await loadCounter(kernel, congestionControl('.struct_ops.link', name));
    const other = await loadCounter(kernel, congestionControl('.struct_ops.link', `${name}o`));
    const { linkPin } = first;
    expect(await kernel.attach(first.object.id, 'ops', { linkPin })).toMatchObject({ type: 'struct_ops', way: 'link' });
    const connect = connectBy(name);
    expect(await first.hitsBy(connect)).toBeGreaterThan(0n);
    await kernel.updateLink(linkPin, second.object.id, 'ops');
    expect(await second.hitsBy(connect)).toBeGreaterThan(0n);
    expect(await first.hitsBy(connect)).toBe(0n);
    await expect(kernel.updateLink(linkPin, other.object.id, 'ops')).rejects.toMatchObject({
      code: 'ERR_KERNEL_LINK_UPDATE_UNSUPPORTED',
    });
    expect(await kernel.inspectPin(linkPin)).toMatchObject({ way: 'link', dead: false });
    await kernel.removeLink(linkPin);
    expect(connect).toThrow();
  });
});
