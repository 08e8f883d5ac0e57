import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { OciLayoutStore } from '@bpfship/oras-client';
import { compileObject, packetCounter } from '../../packages/runtime-shim/test/support/compile-object.ts';
import { packServicesInto, type TestService } from '../../packages/runtime-shim/test/support/test-service.ts';
import { CACHE, fetchDebianPackages } from '../../tools/machine/debian-archive.ts';
import { runInGuest } from '../guest/run-in-guest.ts';
import { itNeeds } from '../support/capabilities.ts';

const LIBRARIES = '/usr/lib/x86_64-linux-gnu';
const FIRST_PRIORITY = `
struct { __uint(priority, 10); __uint(XDP_PASS, 1); } _early SEC(".xdp_run_config");
`;
/** Services by name: the program of each. */
const SERVICES: Record<string, string> = {
  first: packetCounter(),
  second: packetCounter({ program: 'other' }),
  early: packetCounter({ program: 'early' }) + FIRST_PRIORITY,
};

const kernels = (process.env['BPFSHIP_TEST_KERNELS'] ?? '5.10,6.12').split(',');
const itInGuest = itNeeds('qemu', 'debian-archive');
let folder: string;
let tools: string;

beforeAll(async () => {
  tools = join(CACHE, 'xdp-tools');
  fetchDebianPackages('bookworm', ['xdp-tools', 'libxdp1'], tools);
  folder = mkdtempSync(join(tmpdir(), 'bpfship-shared-xdp-'));
  writeFileSync(join(folder, 'alone.o'), compileObject(packetCounter({ program: 'alone' })));
  const store = await OciLayoutStore.open(join(folder, 'services'), { create: true });
  for (const [name, source] of Object.entries(SERVICES)) {
    const versions = ['1.0.0', '1.1.0'].map((version): TestService => ({
      name,
      version,
      variants: { plain: source },
      events: {},
    }));
    const descriptors = await packServicesInto(store, versions);
    for (const [version, descriptor] of Object.entries(descriptors)) await store.tag(descriptor, `${name}-${version}`);
  }
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What status says of a program that shares its interface. */
function running(position: number, of: number, more: object = {}): object {
  return { state: 'attached', xdp: [{ use: 'shared', position, of, ...more }] };
}

describe.each(kernels)('several XDP services on one interface, on Debian’s Linux %s in qemu', (series) => {
  itInGuest(
    'share it with each other and with libxdp, and no packet is lost or seen twice',
    async () => {
      const { output, status } = await runInGuest({
        kernel: series,
        files: {
          '/work/services': join(folder, 'services'),
          '/work/alone.o': join(folder, 'alone.o'),
          '/bpfship/test/guest/shared-xdp.ts': join(import.meta.dirname, '..', 'guest', 'shared-xdp.ts'),
          '/bin/xdp-loader': join(tools, 'usr', 'sbin', 'xdp-loader'),
          [`${LIBRARIES}/libxdp.so.1`]: join(tools, LIBRARIES, 'libxdp.so.1.3.0'),
          [`${LIBRARIES}/bpf`]: join(tools, LIBRARIES, 'bpf'),
        },
        command: 'cd /bpfship && node test/guest/shared-xdp.ts',
      });
      expect(status, output.slice(-6000)).toBe(0);
      const line = output.split('\n').find((text) => text.startsWith('shared-xdp-result:')) ?? '';
      const { steps } = JSON.parse(line.slice('shared-xdp-result:'.length)) as { steps: Record<string, unknown> };
      expect(steps).toMatchObject({
        alone: { state: 'attached', xdp: [{ use: 'exclusive' }] },
        // The second one came, and versions changed, while packets did.
        shared: [running(2, 2), running(1, 2)],
        listed: [
          { name: 'first', state: 'attached', programs: 1 },
          { name: 'second', state: 'attached', programs: 1 },
        ],
        order: ['50 other', '50 packet'],
        withoutFirst: { use: running(1, 1), order: ['50 other'] },
        none: { interface: 'null', pins: [] },
        joined: ['10 early', '10 xdpfilt_alw_all'],
        upgraded: ['10 early', '10 xdpfilt_alw_all'],
        status: running(1, 2, { priority: 10 }),
        // xdp-loader’s program stays in a dispatcher with its pins.
        theirs: { order: ['10 xdpfilt_alw_all'] },
        ours: {
          order: ['5 packet', '10 xdpfilt_alw_all'],
          use: running(1, 2, { priority: 5, chainCalls: ['XDP_PASS', 'XDP_TX'] }),
        },
        thrownOut: { state: 'detached' },
        repaired: {
          warnings: ['XDP program packet+veth0 of generation 1 was put back on veth0'],
          use: running(1, 1, { priority: 5 }),
        },
        left: { interface: 'null', pins: [], mounted: false },
        taken: expect.stringMatching(
          /^ERR_KERNEL_ATTACH \| EBUSY \| no XDP program can be added on veth0: another tool has put the program "alone" there.* \| .+/,
        ),
      });
      for (const name of ['first', 'second', 'early']) {
        const { sent, counted } = steps[name] as { sent: number; counted: number };
        expect(sent).toBeGreaterThan(0);
        expect({ name, counted }).toEqual({ name, counted: sent });
      }
    },
    600_000,
  );
});
