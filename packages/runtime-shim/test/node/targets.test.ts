import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ShimNode } from '../../src/node/shim-node.ts';
import { packetCounter } from '../support/compile-object.ts';
import { createSandbox, IS_ROOT } from '../support/sandbox.ts';
import { packServices } from '../support/test-service.ts';
import { layCable } from '../support/virtual-cable.ts';

const SERVICE = 'test-service';
const VERSIONS = [
  { version: '1.0.0', variants: { one: packetCounter() }, events: {} },
  { version: '1.1.0', variants: { one: packetCounter({ program: 'renamed' }) }, events: {} },
];

async function packetsOf(node: ShimNode): Promise<number> {
  const [entry] = (await node.dumpMap(SERVICE, 'packets', 1)) ?? [];
  return Number(entry?.['value']);
}

/** The prefix that the names of this process's cables share. */
const CABLES = `bs${process.pid % 100_000}x*`;

describe.skipIf(!IS_ROOT)('several targets of a program', () => {
  it('are not for a program that the package does not have', async () => {
    const sandbox = createSandbox();
    const cable = layCable();
    const packed = await packServices(VERSIONS);
    const node = await sandbox.openNode();
    const attach = { '*': { interfaceName: cable.name } };
    const misspelt = { ...attach, pakcet: [] };
    const refusal = { code: 'ERR_SHIM_ATTACH_TARGET', hint: 'It has: packet' };
    await expect(node.install({ ...packed.unsigned('1.0.0'), attach: misspelt })).rejects.toMatchObject(refusal);
    await node.install({ ...packed.unsigned('1.0.0'), attach });
    await expect(node.setTargets({ service: SERVICE, attach: misspelt })).rejects.toMatchObject(refusal);
    await expect(
      node.upgrade({ ...packed.unsigned('1.0.0'), service: SERVICE, attach: misspelt }),
    ).rejects.toMatchObject(refusal);
    // What was named for another version stays.
    await node.setTargets({ service: SERVICE, attach: { packet: { interfaceName: cable.name } } });
    expect(await node.upgrade({ ...packed.unsigned('1.1.0'), service: SERVICE })).toMatchObject({ version: '1.1.0' });
  });

  it('are attached one by one, named or by a pattern, and switched in place each', async () => {
    const sandbox = createSandbox();
    const [first, second] = [layCable(), layCable()];
    const packed = await packServices(VERSIONS);
    const node = await sandbox.openNode();
    const interfaces = [{ interfaceName: first.name }, { interfaceName: second.name }];
    const installed = await node.install({ ...packed.unsigned('1.0.0'), attach: { '*': interfaces } });
    expect(installed.programs.map(({ hook }) => hook)).toEqual([`xdp:${first.name}`, `xdp:${second.name}`]);
    first.send(2);
    second.send(3);
    expect(await packetsOf(node)).toBe(5);

    const upgraded = await node.upgrade({
      ...packed.unsigned('1.1.0'),
      service: SERVICE,
      attach: { '*': { interfaceName: CABLES } },
    });
    expect(upgraded.programs).toMatchObject([
      { name: 'renamed', key: `renamed+${first.name}`, switched: 'in-place' },
      { name: 'renamed', key: `renamed+${second.name}`, switched: 'in-place' },
    ]);
    first.send(1);
    second.send(1);
    expect(await packetsOf(node)).toBe(7);

    second.remove();
    expect(await node.status(SERVICE)).toMatchObject({ state: 'degraded' });
    const again = await node.upgrade({ ...packed.unsigned('1.0.0'), service: SERVICE });
    expect(again.programs).toMatchObject([{ name: 'packet', hook: `xdp:${first.name}`, switched: 'in-place' }]);
    expect(await node.status(SERVICE)).toMatchObject({ state: 'attached' });
    first.remove();
    const none = await node.upgrade({ ...packed.unsigned('1.1.0'), service: SERVICE });
    expect(none).toMatchObject({
      programs: [],
      warnings: [`nothing matches ${CABLES}: program "renamed" waits for it`],
    });
  });

  it('are refused at an install where a pattern matches nothing', async () => {
    const sandbox = createSandbox();
    const packed = await packServices(VERSIONS.slice(0, 1));
    const node = await sandbox.openNode();
    await expect(
      node.install({ ...packed.unsigned('1.0.0'), attach: { '*': { interfaceName: 'no-such-*' } } }),
    ).rejects.toMatchObject({
      code: 'ERR_SHIM_ATTACH_TARGET',
      message: expect.stringContaining('no-such-*') as string,
    });
    expect(sandbox.pins()).toEqual([]);
  });

  it('may be cgroups, by a pattern of their paths', async () => {
    const sandbox = createSandbox();
    const mount = /^\S+ (\S+) cgroup2 /m.exec(readFileSync('/proc/mounts', 'utf8'))?.[1] ?? '/sys/fs/cgroup';
    const folders = ['a', 'b'].map((name) => join(mount, `bpfship-${process.pid}-${name}`));
    onTestFinished(() => folders.forEach((folder) => rmdirSync(folder)));
    for (const folder of folders) mkdirSync(folder);
    const source = 'SEC("cgroup_skb/egress") int out(struct __sk_buff *skb) { return 1; }';
    const packed = await packServices([{ version: '1.0.0', variants: { one: source }, events: {} }]);
    const node = await sandbox.openNode();
    const attach = { out: { cgroupPath: join(mount, `bpfship-${process.pid}-?`) } };
    const { programs } = await node.install({ ...packed.unsigned('1.0.0'), attach });
    expect(programs.map(({ hook }) => hook)).toEqual(folders.map((folder) => `cgroup-inet-egress:${folder}`));
    const next = await node.upgrade({ ...packed.unsigned('1.0.0'), service: SERVICE });
    expect(next.programs.map(({ switched }) => switched)).toEqual(['in-place', 'in-place']);
  });
});

describe.skipIf(!IS_ROOT)('a state of before programs had keys', () => {
  it('is read: its links are pinned under the names of the programs', async () => {
    const sandbox = createSandbox();
    const cable = layCable();
    const packed = await packServices(VERSIONS);
    const node = await sandbox.openNode();
    await node.install({ ...packed.unsigned('1.0.0'), attach: { packet: { interfaceName: cable.name } } });
    const path = join(sandbox.stateDir, 'services', `${SERVICE}.json`);
    const state = JSON.parse(readFileSync(path, 'utf8')) as { generations: { programs: object[] }[] };
    const [generation] = state.generations;
    generation.programs = [{ name: 'packet', hook: `xdp:${cable.name}` }];
    writeFileSync(path, JSON.stringify(state));
    expect((await node.status(SERVICE)).programs).toMatchObject([{ name: 'packet', key: 'packet', state: 'detached' }]);
  });
});
