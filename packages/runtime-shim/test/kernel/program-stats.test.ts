import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compileObject, execCounter } from '../support/compile-object.ts';
import { createSandbox, IS_ROOT } from '../support/sandbox.ts';

describe.skipIf(!IS_ROOT)('statistics of programs', () => {
  it('count runs and their time while they are open', async () => {
    const sandbox = createSandbox();
    const kernel = sandbox.openKernel();
    const pin = join(sandbox.bpffs, 'program');
    const { id, programs } = await kernel.load({ name: 'counter', bytes: compileObject(execCounter()) });
    await kernel.pinObject(id, { maps: {}, programs: { count: pin } });
    await kernel.attach(id, 'count', { linkPin: join(sandbox.bpffs, 'link') });
    const stats = await kernel.openStats();
    for (let i = 0; i < 3; i++) execFileSync('/bin/true');
    const counted = await kernel.programStats(pin);
    expect(counted).toMatchObject({ id: programs[0]?.id, missed: 0n });
    expect(counted?.runs).toBeGreaterThanOrEqual(3n);
    expect(counted?.nanoseconds).toBeGreaterThan(0n);
    expect(counted?.memory).toBeGreaterThanOrEqual(4096);
    await kernel.closeStats(stats);
    expect(await kernel.programStats(join(sandbox.bpffs, 'none'))).toBeUndefined();
  });
});
