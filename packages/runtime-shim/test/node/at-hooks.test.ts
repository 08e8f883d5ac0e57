import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { Kernel } from '../../src/kernel/kernel.ts';
import { surveyNode } from '../../src/node/installed.ts';
import { servicePins } from '../../src/node/pins.ts';
import type { ServiceState } from '../../src/node/state-schema.ts';
import { summarizeAll } from '../../src/node/status.ts';

const DIGEST = `sha256:${'0'.repeat(64)}`;

/** A service with one XDP program, which shares its interface with others. */
function sharing(name: string, interfaceName: string): ServiceState {
  const program = { name: 'packet', key: 'packet', hook: `xdp:${interfaceName}`, target: { interfaceName } };
  const generation = {
    id: 1,
    version: '1.0.0',
    variant: 'plain',
    source: 'layout',
    manifest: { digest: DIGEST, size: 1 },
    layer: DIGEST,
    attach: { '*': { interfaceName } },
    programs: [program],
    created: '2026-01-01T00:00:00Z',
  };
  return { schemaVersion: 1, name, current: 1, generations: [generation] };
}

it('a program that shares its interface is at its hook where the dispatcher runs it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bpfship-at-hooks-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const states = [sharing('first', 'veth0'), sharing('thrown-out', 'veth1')];
  const pinsOf = (service: string): ReturnType<typeof servicePins> => servicePins(folder, service);
  for (const { name } of states) {
    const pin = pinsOf(name).link(1, 'packet');
    mkdirSync(dirname(pin), { recursive: true });
    writeFileSync(pin, '');
  }
  const component = { programId: 7, name: 'packet', slot: 0, priority: 50, actions: 4, frags: false };
  const kernel: Pick<Kernel, 'inspectPins' | 'xdpOccupant'> = {
    inspectPins: (pins) =>
      Promise.resolve(pins.map(() => ({ kind: 'program', id: 7, name: 'packet', type: 'ext', tag: '' }) as const)),
    xdpOccupant: (interfaceName) =>
      Promise.resolve(
        interfaceName === 'veth0'
          ? { kind: 'dispatcher', programId: 9, mode: 'native', version: 2, components: [component] }
          : { kind: 'none' },
      ),
  };
  expect(await summarizeAll(kernel, states, pinsOf)).toMatchObject([
    { name: 'first', state: 'attached', programs: 1 },
    { name: 'thrown-out', state: 'detached', programs: 0 },
  ]);
  expect((await surveyNode(kernel, states, pinsOf)).incomplete).toEqual(['thrown-out']);
});
