import { openSync, closeSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { endSleeper, sleeperHolds, startSleeper } from '../../../src/kernel/attach/sleeping-holder.ts';
import { openKernel } from '../../../src/kernel/open-kernel.ts';
import { hitCounter, loadCounter } from '../../support/hit-counter.ts';
import { createSandbox, IS_ROOT } from '../../support/sandbox.ts';
import { layCable } from '../../support/virtual-cable.ts';
import { waitFor } from '../../support/wait-for.ts';

describe('a sleeping holder', () => {
  it('has the descriptors that it was given, and no others, until it is ended', async () => {
    const { folder } = createSandbox();
    const fd = openSync(folder, 'r');
    const holder = { way: 'holder' as const, type: 'test', ...startSleeper([fd]) };
    closeSync(fd);
    try {
      expect(sleeperHolds(holder)).toBe(true);
      expect(readlinkSync(`/proc/${holder.pid}/fd/3`)).toBe(folder);
      expect(() => readlinkSync(`/proc/${holder.pid}/fd/4`)).toThrow();
      // Another process of the same number is none.
      expect(sleeperHolds({ ...holder, started: '1' })).toBe(false);
    } finally {
      endSleeper(holder);
    }
    await waitFor(() => (sleeperHolds(holder) ? undefined : true));
  });
});

describe.skipIf(!IS_ROOT)('the holder', () => {
  it('keeps sockets of several attachments apart, beyond the end of who attached them', async () => {
    const cable = layCable();
    const source = hitCounter('socket', { context: 'struct __sk_buff' });
    let counters;
    {
      await using first = openKernel();
      counters = [await loadCounter(first, source), await loadCounter(first, source)];
      for (const counter of counters) {
        expect(await counter.attach({ interfaceName: cable.name })).toMatchObject({ way: 'holder' });
      }
    }
    await using kernel = openKernel();
    const [one, other] = counters.map(({ linkPin }) => linkPin);
    const hits = async (linkPin = ''): Promise<bigint> =>
      Buffer.from((await kernel.dumpMap(join(linkPin, '..', 'hits'), 1))[0]?.value ?? []).readBigUInt64LE(0);
    cable.send(2);
    const [before, second] = [await hits(one), await hits(other)];
    expect(before).toBeGreaterThan(0n);
    await kernel.removeLink(one ?? '');
    expect(await kernel.inspectPin(other ?? '')).toMatchObject({ way: 'holder', dead: false });
    cable.send(2);
    expect(await hits(one)).toBe(before);
    expect(await hits(other)).toBeGreaterThan(second);
    await kernel.removeLink(other ?? '');
    const last = await hits(other);
    cable.send(1);
    expect(await hits(other)).toBe(last);
  });
});
