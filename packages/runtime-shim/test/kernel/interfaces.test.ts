import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { compileObject, packetCounter } from '../support/compile-object.ts';
import { createSandbox, IS_ROOT } from '../support/sandbox.ts';
import { layCable } from '../support/virtual-cable.ts';

describe.skipIf(!IS_ROOT)('interfaces', () => {
  it('are listed with what their drivers can do', async () => {
    const cable = layCable();
    await using kernel = openKernel();
    const { lo, [cable.name]: veth } = await kernel.interfaces();
    // The loopback device has no driver that runs programs; veth runs them where the kernel says so at all.
    expect(lo).toEqual({ mtu: 65_536, ...(lo?.xdp ? { xdp: [] } : {}) });
    expect(veth).toMatchObject({ mtu: 1500, kind: 'veth' });
    if (veth?.xdp) expect(veth.xdp).toContain('basic');
  });

  it('with large packets take programs as the facts say', async () => {
    const { bpffs } = createSandbox();
    const cable = layCable();
    const far = `bpfship-${cable.name.slice(2)}`;
    execFileSync('ip', ['link', 'set', cable.name, 'mtu', '9000']);
    execFileSync('ip', ['-n', far, 'link', 'set', 'far', 'mtu', '9000']);
    await using kernel = openKernel();
    const { mtu, xdp = [] } = (await kernel.interfaces())[cable.name] ?? { mtu: 0 };
    expect(mtu).toBe(9000);
    const attach = async (section: string): Promise<unknown> => {
      const { id } = await kernel.load({ name: 'test', bytes: compileObject(packetCounter({ section })) });
      const linkPin = join(bpffs, section.replace('.', '-'));
      const interfaceName = cable.name;
      return kernel.attach(id, 'packet', { linkPin, interfaceName, xdpMode: 'native' });
    };
    await expect(attach('xdp')).rejects.toMatchObject({ code: 'ERR_KERNEL_ATTACH' });
    if (xdp.includes('rx-sg')) expect(await attach('xdp.frags')).toMatchObject({ type: 'xdp' });
  });
});
