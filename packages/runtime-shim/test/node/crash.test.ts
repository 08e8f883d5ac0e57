import { execFileSync, spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { copy, OciLayoutStore } from '@bpfship/oras-client';
import type { ShimNode } from '../../src/node/shim-node.ts';
import { renderMetrics } from '../../src/observe/metrics/exposition.ts';
import { execCounter, packetCounter, stubless } from '../support/compile-object.ts';
import { createSandbox, IS_ROOT, type Sandbox } from '../support/sandbox.ts';
import { type PackedServices, packServices } from '../support/test-service.ts';
import { layCable } from '../support/virtual-cable.ts';

const SERVICE = 'test-service';

/** All ways of switching (by a stub, in place, by overlap), and a buffer that is replaced. */
const VERSIONS = [
  { version: '1.0.0', variants: { one: execCounter() + packetCounter() + stubless() } },
  { version: '1.1.0', variants: { one: execCounter({ buffer: 'perf' }) + packetCounter() + stubless() } },
];

async function layoutOf(sandbox: Sandbox, { store, descriptors }: PackedServices): Promise<string> {
  const path = join(sandbox.folder, 'layout');
  const layout = await OciLayoutStore.open(path, { create: true });
  for (const version of Object.keys(descriptors)) await copy(store, version, layout, version);
  return path;
}

/** Changes the node in another process, which is killed after a step; without a step, after all. */
function changeAndDie(
  sandbox: Sandbox,
  layout: string,
  change: Partial<Record<'version' | 'service' | 'interfaceName' | 'step', string>>,
): void {
  const { version = '1.0.0', service = '', interfaceName = '', step = '' } = change;
  const script = join(import.meta.dirname, '..', 'support', 'change-and-die.ts');
  const args = [script, sandbox.stateDir, sandbox.bpffsDir, layout, version, service, interfaceName, step];
  const { signal, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect(`${signal} ${stderr}`).toMatch(/^SIGKILL/);
}

async function valueIn(node: ShimNode, map: string): Promise<number> {
  const [entry] = (await node.dumpMap(SERVICE, map, 1)) ?? [];
  return Number(entry?.['value']);
}

/** Links that the kernel has of programs of some name. */
function linksOf(program: string): number {
  const programs = JSON.parse(execFileSync('bpftool', ['-j', 'prog', 'show'], { encoding: 'utf8' })) as {
    id: number;
    name?: string;
  }[];
  const ids = new Set(programs.filter(({ name }) => name === program).map(({ id }) => id));
  const links = JSON.parse(execFileSync('bpftool', ['-j', 'link', 'show'], { encoding: 'utf8' })) as {
    prog_id: number;
  }[];
  return links.filter(({ prog_id: id }) => ids.has(id)).length;
}

describe.skipIf(!IS_ROOT)('kill -9', () => {
  it('of the process that installed a service leaves it running', async () => {
    const sandbox = createSandbox();
    const layout = await layoutOf(
      sandbox,
      await packServices([{ version: '1.0.0', variants: { one: execCounter() } }]),
    );
    changeAndDie(sandbox, layout, {});
    const node = await sandbox.openNode();
    expect(await node.status(SERVICE)).toMatchObject({ state: 'attached' });
    const before = await valueIn(node, 'counts');
    execFileSync('/bin/true');
    expect(await valueIn(node, 'counts')).toBeGreaterThan(before);
  });

  it.each(['fetch', 'load', 'attach'])(
    'in an install after "%s" leaves nothing that keeps the next one',
    async (step) => {
      const sandbox = createSandbox();
      const cable = layCable();
      const packed = await packServices(VERSIONS.slice(0, 1));
      const layout = await layoutOf(sandbox, packed);
      changeAndDie(sandbox, layout, { step, interfaceName: cable.name });
      const node = await sandbox.openNode();
      expect(await node.list()).toEqual([]);
      const result = await node.install({
        ...packed.unsigned('1.0.0'),
        attach: { '*': { interfaceName: cable.name } },
      });
      expect(result.generation).toBe(1);
      expect(result.warnings.length).toBe(step === 'fetch' ? 0 : 1);
      expect(await node.status(SERVICE)).toMatchObject({ state: 'attached' });
      cable.send(2);
      expect(await valueIn(node, 'packets')).toBe(2);
    },
  );

  it.each(['load', 'attach'])('in an upgrade after "%s" is put right by the next command', async (step) => {
    const sandbox = createSandbox();
    const cable = layCable();
    const [program, watch] = ['c', 'w'].map((letter) => `${letter}${process.pid % 1000}${step}`);
    const rename = (source: string): string =>
      source.replace('int count(', `int ${program}(`).replace('int watch(', `int ${watch}(`);
    const packed = await packServices(
      VERSIONS.map(({ version, variants }) => ({ version, variants: { one: rename(variants.one) } })),
    );
    const layout = await layoutOf(sandbox, packed);
    const node = await sandbox.openNode();
    await node.install({ ...packed.unsigned('1.0.0'), attach: { '*': { interfaceName: cable.name } } });
    cable.send(2);
    const { maps } = await node.status(SERVICE);
    changeAndDie(sandbox, layout, { version: '1.1.0', service: SERVICE, step });
    // At no moment is nothing attached.
    expect(linksOf(program)).toBe(1);
    expect(linksOf(watch)).toBe(step === 'load' ? 1 : 2);
    cable.send(3);
    expect(await valueIn(node, 'packets')).toBe(5);

    const result = await node.upgrade({ ...packed.unsigned('1.0.0'), service: SERVICE });
    expect(result.warnings.join('\n')).toContain('generation 2');
    expect([program, watch].map(linksOf)).toEqual([1, 1]);
    const counted = await valueIn(node, 'counts');
    execFileSync('/bin/true');
    expect(await valueIn(node, 'counts')).toBeGreaterThan(counted);
    cable.send(4);
    expect(await valueIn(node, 'packets')).toBe(9);
    const after = await node.status(SERVICE);
    expect(after).toMatchObject({ state: 'attached', generation: 2 });
    const idOf = (list: typeof maps): unknown => Object.fromEntries(list.map(({ name, id }) => [name, id]));
    expect(idOf(after.maps)).toEqual(idOf(maps));
    await node.uninstall({ service: SERVICE });
    expect([program, watch].map(linksOf)).toEqual([0, 0]);
    expect(sandbox.pins()).toEqual([]);
  });
});

describe.skipIf(!IS_ROOT)('a node whose pins somebody removed', () => {
  it('is told so, and an upgrade to the same version repairs it', async () => {
    const sandbox = createSandbox();
    const packed = await packServices([{ version: '1.0.0', variants: { one: execCounter() } }]);
    const node = await sandbox.openNode();
    await node.install(packed.unsigned('1.0.0'));
    rmSync(join(sandbox.bpffsDir, SERVICE), { recursive: true });
    expect(await node.list()).toMatchObject([{ state: 'detached', programs: 0 }]);
    expect(await node.status(SERVICE)).toMatchObject({ state: 'detached', programs: [{ state: 'detached' }] });
    await expect(node.events(SERVICE, { signal: new AbortController().signal }).next()).rejects.toMatchObject({
      code: 'ERR_SHIM_PINS_MISSING',
    });
    await expect(node.dumpMap(SERVICE, 'counts', 1)).rejects.toMatchObject({ code: 'ERR_SHIM_PINS_MISSING' });
    const result = await node.upgrade({ ...packed.unsigned('1.0.0'), service: SERVICE });
    expect(result).toMatchObject({ programs: [{ switched: 'attached' }], warnings: [] });
    expect(await node.status(SERVICE)).toMatchObject({ state: 'attached' });
    // A map that begins empty while its programs ran on is told.
    rmSync(join(sandbox.bpffsDir, SERVICE, 'maps', 'counts'));
    const { warnings } = await node.upgrade({ ...packed.unsigned('1.0.0'), service: SERVICE });
    expect(warnings).toEqual(['somebody had removed the pin of map "counts": it begins empty']);
  });

  it('removes what is left', async () => {
    const sandbox = createSandbox();
    const packed = await packServices([{ version: '1.0.0', variants: { one: execCounter() } }]);
    const node = await sandbox.openNode();
    await node.install(packed.unsigned('1.0.0'));
    rmSync(join(sandbox.bpffsDir, SERVICE, 'generations'), { recursive: true });
    await node.uninstall({ service: SERVICE });
    expect(sandbox.pins()).toEqual([]);
  });
});

describe.skipIf(!IS_ROOT)('a node whose interface is gone', () => {
  it('says so, and takes the service to another interface', async () => {
    const sandbox = createSandbox();
    const [cable, other] = [layCable(), layCable()];
    const packed = await packServices([{ version: '1.0.0', variants: { one: packetCounter() }, events: {} }]);
    const node = await sandbox.openNode();
    await node.install({ ...packed.unsigned('1.0.0'), attach: { '*': { interfaceName: cable.name } } });
    cable.remove();
    expect(await node.status(SERVICE)).toMatchObject({ state: 'detached', programs: [{ state: 'detached' }] });
    const again = { ...packed.unsigned('1.0.0'), service: SERVICE };
    await expect(node.upgrade(again)).rejects.toMatchObject({
      code: 'ERR_SHIM_ATTACH_TARGET',
      message: expect.stringContaining(cable.name) as string,
    });
    const moved = await node.upgrade({ ...again, attach: { '*': { interfaceName: other.name } } });
    expect(moved.programs).toMatchObject([{ name: 'packet', hook: `xdp:${other.name}`, switched: 'attached' }]);
    expect(await node.status(SERVICE)).toMatchObject({ state: 'attached' });
  });
});

describe.skipIf(!IS_ROOT)('a damaged state file', () => {
  it('is named, never guessed, and keeps nothing else from being removed', async () => {
    const sandbox = createSandbox();
    const packed = await packServices([{ version: '1.0.0', variants: { one: execCounter() } }]);
    const other = await packServices([{ name: 'other', version: '1.0.0', variants: { one: execCounter() } }]);
    const node = await sandbox.openNode();
    await node.install(packed.unsigned('1.0.0'));
    await node.install(other.unsigned('1.0.0'));
    const path = join(sandbox.stateDir, 'services', `${SERVICE}.json`);
    const pins = sandbox.pins();
    for (const damage of ['', '{"schemaVersion":1', '{"schemaVersion":1,"name":"other"}', '[]']) {
      writeFileSync(path, damage);
      for (const action of [
        () => node.status(SERVICE),
        () => node.list(),
        () => node.upgrade({ ...packed.unsigned('1.0.0'), service: SERVICE }),
        () => node.install(packed.unsigned('1.0.0')),
        () => node.uninstall({ service: SERVICE }),
        () => node.garbageCollect(),
      ]) {
        await expect(action()).rejects.toMatchObject({
          code: 'ERR_SHIM_STATE_CORRUPT',
          message: expect.stringContaining(path) as string,
        });
      }
    }
    // The others are not hidden by it.
    expect(await node.listReadable()).toMatchObject({
      services: [{ name: 'other', state: 'attached' }],
      damaged: [{ service: SERVICE, error: { code: 'ERR_SHIM_STATE_CORRUPT' } }],
    });
    expect(renderMetrics(await node.metrics())).toContain('service="other"');
    await expect(node.metrics({ service: SERVICE })).rejects.toMatchObject({ code: 'ERR_SHIM_STATE_CORRUPT' });
    expect(sandbox.pins()).toEqual(pins);
    const blobs = sandbox.blobs();
    await node.uninstall({ service: 'other' });
    expect(sandbox.blobs()).toEqual(blobs);
    expect(sandbox.pins()).toEqual(pins.filter((pin) => pin.startsWith(`${SERVICE}/`)));
    rmSync(path);
    const result = await node.install(packed.unsigned('1.0.0'));
    expect(result.warnings).toHaveLength(1);
    expect((await node.garbageCollect()).length).toBeGreaterThan(0);
    expect(await node.garbageCollect()).toEqual([]);
    expect(await node.status(SERVICE)).toMatchObject({ state: 'attached' });
  });
});
