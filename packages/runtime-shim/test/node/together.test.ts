import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import type { ShimNode } from '../../src/node/shim-node.ts';
import { execCounter, packetCounter, stubless } from '../support/compile-object.ts';
import { createSandbox, IS_ROOT } from '../support/sandbox.ts';
import { packServices } from '../support/test-service.ts';
import { layCable } from '../support/virtual-cable.ts';

const SERVICE = 'test-service';
const BOTH = { one: execCounter() + packetCounter() };

async function valueIn(node: ShimNode, map: string): Promise<number> {
  const [entry] = (await node.dumpMap(SERVICE, map, 1)) ?? [];
  return Number(entry?.['value']);
}

describe.skipIf(!IS_ROOT)('a service that switches as a whole', () => {
  it('has stubs at all its hooks, takes links over and gives them back', async () => {
    const sandbox = createSandbox();
    const cable = layCable();
    const packed = await packServices([
      { version: '1.0.0', variants: BOTH },
      { version: '1.1.0', variants: BOTH, project: ['switching: together'] },
      { version: '1.2.0', variants: BOTH, project: ['switching: together'] },
      { version: '1.3.0', variants: BOTH },
    ]);
    const node = await sandbox.openNode();
    await node.install({ ...packed.unsigned('1.0.0'), attach: { '*': { interfaceName: cable.name } } });
    let expected = 0;
    const send = async (): Promise<void> => {
      cable.send(2);
      expected += 2;
      expect(await valueIn(node, 'packets')).toBe(expected);
      const before = await valueIn(node, 'counts');
      execFileSync('/bin/true');
      expect(await valueIn(node, 'counts')).toBeGreaterThan(before);
    };
    await send();
    for (const [version, switched, way] of [
      ['1.1.0', 'in-place', 'stub'],
      ['1.2.0', 'stub', 'stub'],
      ['1.3.0', 'in-place', 'in-place'],
      ['1.1.0', 'in-place', 'stub'],
    ] as const) {
      const { programs } = await node.upgrade({ ...packed.unsigned(version), service: SERVICE });
      expect(programs).toMatchObject([
        { name: 'count', switched: 'stub' },
        { name: 'packet', switched },
      ]);
      const status = await node.status(SERVICE);
      expect(status).toMatchObject({
        state: 'attached',
        programs: [{ switching: { way: 'stub' } }, { switching: { way } }],
      });
      for (const { id, link } of status.programs) expect(link?.programId).toBe(id);
      await send();
    }
    await node.uninstall({ service: SERVICE });
    expect(sandbox.pins()).toEqual([]);
  });

  it('is refused where a program can have no stub', async () => {
    const sandbox = createSandbox();
    const packed = await packServices([
      { version: '1.0.0', variants: { one: execCounter() + stubless() }, project: ['switching: together'] },
    ]);
    const node = await sandbox.openNode();
    await expect(node.install(packed.unsigned('1.0.0'))).rejects.toMatchObject({
      code: 'ERR_SHIM_SWITCHING',
      message: expect.stringContaining('watch') as string,
    });
    expect(sandbox.pins()).toEqual([]);
  });

  it('may be attached once, without a stub', async () => {
    const sandbox = createSandbox();
    const cable = layCable();
    const one = { variants: { one: packetCounter() }, events: {}, project: ['switching: together'] };
    const packed = await packServices([{ version: '1.0.0', ...one }]);
    const node = await sandbox.openNode();
    const attach = { '*': { interfaceName: cable.name } };
    const { programs } = await node.install({ ...packed.unsigned('1.0.0'), attach });
    expect(programs).toMatchObject([{ switching: { way: 'in-place' } }]);
  });
});
