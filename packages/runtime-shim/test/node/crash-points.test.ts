import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSeen } from '../../../../test/support/load/numbered.ts';
import { compileLoad, startCalls, startPackets } from '../../../../test/support/load/start-load.ts';
import type { Kernel } from '../../src/kernel/kernel.ts';
import type { InstallOptions } from '../../src/node/node-options.ts';
import { namesIn, type ServicePins, servicePins } from '../../src/node/pins.ts';
import type { ShimNode } from '../../src/node/shim-node.ts';
import { type Change, deathsOf, makeChange, spread } from '../support/crash/crash-road.ts';
import { inKernel } from '../support/crash/service-in-kernel.ts';
import { type NumberedService, packNumberedService } from '../support/crash/numbered-service.ts';
import { createSandbox, IS_ROOT, type Sandbox } from '../support/sandbox.ts';
import { layCable, type VirtualCable } from '../support/virtual-cable.ts';
import { waitFor } from '../support/wait-for.ts';

const SERVICE = 'test-service';
/** Points of each road in `npm test`; `npm run test:crash` takes all of them. */
const MOST = process.env['BPFSHIP_CRASH'] === 'all' ? Number.POSITIVE_INFINITY : 6;
/** Of each of the eight roads: 40 in all, and some. */
const MIN = 5;
/** Packets and calls a second while changes are killed. */
const RATE = 2000;

/** One road's node, its service, and what the kernel is asked through. */
interface Stage {
  sandbox: Sandbox;
  service: NumberedService;
  cable: VirtualCable;
  node: ShimNode;
  kernel: Kernel;
  pins: ServicePins;
  base: Pick<Change, 'stateDir' | 'bpffsDir' | 'layout' | 'attach'>;
  from: (version: string) => InstallOptions & { service: string };
}

async function setStage(bpffsDir?: string): Promise<Stage> {
  const sandbox = createSandbox();
  const cable = layCable();
  const service = await packNumberedService(sandbox, `z${process.pid.toString(36)}`);
  const base = {
    stateDir: sandbox.stateDir,
    bpffsDir: bpffsDir === undefined ? sandbox.bpffsDir : join(sandbox.folder, bpffsDir),
    layout: service.layout,
    attach: { '*': { interfaceName: cable.name } },
  };
  return {
    sandbox,
    service,
    cable,
    base,
    node: await sandbox.openNode({ bpffsDir: base.bpffsDir }),
    kernel: sandbox.openKernel(),
    pins: servicePins(base.bpffsDir, SERVICE),
    from: (version) => ({ ...service.packed.unsigned(version), attach: base.attach, service: SERVICE }),
  };
}

/** Exactly one whole generation is attached: by the state, by the pins, and by the kernel, which has nothing else of the service. */
async function expectWhole({ node, service, pins }: Stage, version: string): Promise<void> {
  const { programs, maps } = service;
  const status = await node.status(SERVICE);
  expect(status).toMatchObject({ state: 'attached', version });
  expect(status.programs.map(({ name }) => name).toSorted()).toEqual(programs);
  for (const { state, id, link } of status.programs) {
    expect(state).toBe('attached');
    expect(link?.programId).toBe(id);
  }
  const stubs = status.programs.flatMap(({ name, switching }) => (switching?.way === 'stub' ? [name] : []));
  await expectInKernel(service, { programs: [...programs, ...stubs].toSorted(), links: programs, maps });
  for (const folder of [pins.stubLinks, pins.stubPrograms, pins.stubSlotsFolder])
    expect(namesIn(folder)).toHaveLength(stubs.length);
}

/** The kernel frees what nobody holds a little later. */
async function expectInKernel({ mark }: NumberedService, wanted: ReturnType<typeof inKernel>): Promise<void> {
  const text = JSON.stringify(wanted);
  let found = '';
  const settled = await Promise.race([
    waitFor(() => (found = JSON.stringify(inKernel(mark))) === text || undefined),
    new Promise((resolve) => setTimeout(resolve, 5000, false)),
  ]);
  if (settled !== true) expect(JSON.parse(found)).toEqual(wanted);
}

/** The next start alone: one whole generation, where the service is installed, and else nothing at all. */
async function expectWholeAfterStart(stage: Stage): Promise<void> {
  const { node, service, sandbox } = stage;
  for (const { error } of await node.restore()) expect(error).toBeUndefined();
  const [installed] = await node.list();
  if (installed) return expectWhole(stage, installed.version);
  await expectInKernel(service, { programs: [], links: [], maps: [] });
  expect(sandbox.pins()).toEqual([]);
}

/** Something is attached at every hook. */
function expectAttached({ service: { mark, programs } }: Stage): void {
  expect(new Set(inKernel(mark).links)).toEqual(new Set(programs));
}

/** Dies at each of the chosen points of a change; every one must really be hit. */
async function dieAtEach(
  stage: Stage,
  change: Pick<Change, 'change' | 'version'> & Partial<Pick<Change, 'to' | 'attach'>>,
  road: { begin: () => Promise<void>; recover: (point: string) => Promise<void> },
): Promise<number> {
  const { sandbox, base } = stage;
  await road.begin();
  const whole = await makeChange(sandbox.folder, { ...base, ...change });
  expect(whole.diedAt).toBeUndefined();
  await road.recover('its end');
  const chosen = spread(deathsOf(whole), MOST);
  const hit: string[] = [];
  for (const point of chosen) {
    await road.begin();
    const { diedAt } = await makeChange(sandbox.folder, { ...base, ...change }, point);
    if (diedAt !== undefined) hit.push(diedAt);
    try {
      await road.recover(point);
    } catch (error) {
      throw new Error(`after kill -9 in ${change.change} at "${point}": ${(error as Error).message}`, { cause: error });
    }
  }
  expect(hit).toEqual(chosen);
  return hit.length;
}

describe.skipIf(!IS_ROOT)('kill -9 before every operation', () => {
  it('of an install leaves nothing that keeps the next one, and is hit everywhere', async () => {
    const stage = await setStage('own/pins');
    mkdirSync(join(stage.sandbox.folder, 'own'));
    const { node, service } = stage;
    let turn = 0;
    const hit = await dieAtEach(
      stage,
      { change: 'install', version: '1.0.0' },
      {
        begin: async () => {
          expect(await node.list()).toEqual([]);
        },
        recover: async () => {
          const installed = (await node.list()).length > 0;
          // What the state names is there at once, before anything is put right.
          if (installed) expect(await node.status(SERVICE)).toMatchObject({ state: 'attached' });
          if ((turn += 1) % 2 === 0) await expectWholeAfterStart(stage);
          const version = installed ? '1.1.0' : '1.0.0';
          await (installed ? node.upgrade(stage.from(version)) : node.install(stage.from(version)));
          await expectWhole(stage, version);
          await node.uninstall({ service: SERVICE });
          await expectInKernel(service, { programs: [], links: [], maps: [] });
          expect(await node.list()).toEqual([]);
        },
      },
    );
    expect(hit).toBeGreaterThanOrEqual(MIN);
  }, 600_000);

  it.each(['upgrade', 'rollback', 'targets'] as const)(
    'of a change (%s) leaves something attached at every moment, one whole generation after the next start, and no event is lost or doubled',
    async (change) => {
      const stage = await setStage();
      const { node, kernel, pins, service, sandbox, cable } = stage;
      await using packets = startPackets(compileLoad('packets', sandbox.folder), cable, RATE);
      await using calls = startCalls(compileLoad('calls', sandbox.folder), service.callMark, RATE);
      const loads = [
        { load: packets, pin: pins.map(service.packets), before: 0, map: undefined as unknown },
        { load: calls, pin: pins.map(service.calls), before: 0, map: undefined as unknown },
      ];
      const current = change === 'rollback' ? '1.1.0' : '1.0.0';
      const other = layCable();
      let turn = 0;
      const hit = await dieAtEach(
        stage,
        {
          upgrade: { change, version: '1.1.0' },
          rollback: { change, version: '1.0.0', to: 1 },
          targets: {
            change,
            version: '1.0.0',
            attach: { '*': [{ interfaceName: cable.name }, { interfaceName: other.name }] },
          },
        }[change],
        {
          begin: async () => {
            for (const one of loads) one.before = await one.load.pause();
            if ((await node.list()).length > 0) await node.uninstall({ service: SERVICE });
            await node.install(stage.from('1.0.0'));
            if (change === 'rollback') await node.upgrade(stage.from(current));
            for (const one of loads) {
              one.map = await kernel.inspectPin(one.pin);
              one.load.resume();
            }
          },
          recover: async () => {
            expectAttached(stage);
            expect(await node.list()).toHaveLength(1);
            if ((turn += 1) % 2 === 0 && change !== 'targets') await expectWholeAfterStart(stage);
            await (change === 'targets'
              ? node.setTargets({ service: SERVICE, attach: stage.base.attach })
              : node.upgrade(stage.from(current)));
            await expectWhole(stage, current);
            // From the installation through death and recovery.
            for (const { load, pin, before, map } of loads) {
              expect(await kernel.inspectPin(pin)).toEqual(map);
              const made = await load.pause();
              await waitFor(async () => (await readSeen(kernel, pin)).last === made || undefined);
              expect(await readSeen(kernel, pin)).toEqual({
                last: made,
                once: made - before,
                lost: before,
                doubled: 0,
              });
            }
          },
        },
      );
      expect(hit).toBeGreaterThanOrEqual(MIN);
    },
    600_000,
  );

  it('of an uninstall can be done again, or the service installed again', async () => {
    const stage = await setStage();
    const { node, service, sandbox } = stage;
    const again = async (): Promise<void> => {
      const installed = (await node.list()).length > 0;
      await (installed ? node.upgrade(stage.from('1.0.0')) : node.install(stage.from('1.0.0')));
      await expectWhole(stage, '1.0.0');
    };
    let turn = 0;
    const hit = await dieAtEach(
      stage,
      { change: 'uninstall', version: '1.0.0' },
      {
        begin: again,
        recover: async () => {
          turn += 1;
          if (turn % 2 === 0 && (await node.list()).length > 0) {
            await node.uninstall({ service: SERVICE });
            await expectInKernel(service, { programs: [], links: [], maps: [] });
            expect(sandbox.pins()).toEqual([]);
          } else await expectWholeAfterStart(stage);
        },
      },
    );
    expect(hit).toBeGreaterThanOrEqual(MIN);
  }, 600_000);

  it('of a restore after a start of the machine is made good by the next one', async () => {
    const stage = await setStage();
    const { node, base } = stage;
    await node.install(stage.from('1.0.0'));
    await node.upgrade(stage.from('1.1.0'));
    const hit = await dieAtEach(
      stage,
      { change: 'restore', version: '1.1.0' },
      {
        begin: async () => {
          rmSync(join(base.bpffsDir, SERVICE), { recursive: true, force: true });
          expect(await node.status(SERVICE)).toMatchObject({ state: 'detached' });
        },
        recover: async () => {
          const [restored] = await node.restore();
          expect(restored?.error).toBeUndefined();
          await expectWhole(stage, '1.1.0');
        },
      },
    );
    expect(hit).toBeGreaterThanOrEqual(MIN);
  }, 600_000);

  it.each(['stop', 'start'] as const)(
    'of a change (%s) is made good by the next start',
    async (change) => {
      const stage = await setStage();
      const { node } = stage;
      await node.install(stage.from('1.0.0'));
      const hit = await dieAtEach(
        stage,
        { change, version: '1.0.0' },
        {
          begin: async () => {
            if (change === 'start') await node.stop({ service: SERVICE });
            else await expectWhole(stage, '1.0.0');
          },
          recover: async () => {
            await node.restore();
            const { state } = await node.status(SERVICE);
            if (state === 'stopped') await waitFor(() => inKernel(stage.service.mark).links.length === 0 || undefined);
            else await expectWhole(stage, '1.0.0');
            await node.start({ service: SERVICE });
            await expectWhole(stage, '1.0.0');
          },
        },
      );
      expect(hit).toBeGreaterThanOrEqual(MIN);
    },
    600_000,
  );
});
