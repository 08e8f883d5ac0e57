import { describe, expect, it } from 'vitest';
import { congestionControl, connectBy } from '../support/congestion-control.ts';
import { createSandbox, IS_ROOT } from '../support/sandbox.ts';
import { packServices } from '../support/test-service.ts';

describe.skipIf(!IS_ROOT)('a service that is a congestion control', () => {
  it.each([
    ['.struct_ops.link', 'link', 'in-place'],
    ['.struct_ops', 'registered-map', 'gap'],
  ] as const)('SEC("%s") is installed, upgraded, rolled back and uninstalled', async (section, way, switched) => {
    const name = `b${way.at(0)}${process.pid % 1_000_000}`;
    const sandbox = createSandbox();
    const variants = { only: congestionControl(section, name) };
    const packed = await packServices([
      { version: '1.0.0', variants, events: {} },
      { version: '1.1.0', variants, events: {} },
    ]);
    const node = await sandbox.openNode();
    const kernel = sandbox.openKernel();
    const connect = connectBy(name);
    const hits = async (): Promise<bigint> => {
      const [entry] = await kernel.dumpMap(`${sandbox.bpffsDir}/test-service/maps/hits`, 1);
      return Buffer.from(entry?.value ?? []).readBigUInt64LE(0);
    };
    const grows = async (): Promise<void> => {
      const before = await hits();
      connect();
      expect(await hits()).toBeGreaterThan(before);
    };
    const installed = await node.install(packed.unsigned('1.0.0'));
    expect(installed.programs).toMatchObject([{ name: 'ops', hook: 'struct-ops:ops', switched: 'attached' }]);
    await grows();
    const status = await node.status('test-service');
    expect(status).toMatchObject({ state: 'attached', programs: [{ link: { type: 'struct_ops', way } }] });
    const upgraded = await node.upgrade({ service: 'test-service', ...packed.unsigned('1.1.0') });
    expect(upgraded.programs).toMatchObject([{ name: 'ops', switched }]);
    expect(upgraded.maps).toMatchObject([{ name: 'hits', contents: 'kept' }]);
    await grows();
    expect((await node.rollback({ service: 'test-service' })).programs).toMatchObject([{ switched }]);
    await grows();
    expect(await node.status('test-service')).toMatchObject({ version: '1.0.0', state: 'attached' });
    await node.uninstall({ service: 'test-service' });
    expect(connect).toThrow();
    expect(sandbox.pins()).toEqual([]);
  });
});
