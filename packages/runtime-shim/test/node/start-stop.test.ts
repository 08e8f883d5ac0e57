import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ShimNode } from '../../src/node/shim-node.ts';
import { execCounter, packetCounter, stubless } from '../support/compile-object.ts';
import { createSandbox, IS_ROOT, type Sandbox } from '../support/sandbox.ts';
import { packServices } from '../support/test-service.ts';
import { layCable, type VirtualCable } from '../support/virtual-cable.ts';

const SERVICE = 'test-service';
/** Counts in a global variable too, which belongs to the loaded program. */
const GLOBAL = `
__u64 total;
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); } totals SEC(".maps");
SEC("raw_tp/sched_process_exec") int sum(void *ctx)
{
	__u32 zero = 0;
	__u64 now = __sync_fetch_and_add(&total, 1) + 1;
	bpf_map_update_elem(&totals, &zero, &now, 0);
	return 0;
}`;
const ALL = { one: execCounter() + packetCounter() + stubless() + GLOBAL };

async function valueIn(node: ShimNode, map: string): Promise<number> {
  const [entry] = (await node.dumpMap(SERVICE, map, 1)) ?? [];
  return Number(entry?.['value']);
}

async function installed(): Promise<{ sandbox: Sandbox; node: ShimNode; cable: VirtualCable; other: VirtualCable }> {
  const sandbox = createSandbox();
  const [cable, other] = [layCable(), layCable()];
  const packed = await packServices([{ version: '1.0.0', variants: ALL }]);
  const node = await sandbox.openNode();
  await node.install({ ...packed.unsigned('1.0.0'), attach: { '*': { interfaceName: cable.name } } });
  return { sandbox, node, cable, other };
}

function idsOf(list: readonly { name: string; id?: number }[]): unknown {
  return list.map(({ name, id }) => [name, id]);
}

/** All programs see one execution, and the interface some packets. */
async function expectRunning(node: ShimNode, cable: VirtualCable): Promise<void> {
  const names = ['counts', 'seen', 'packets'];
  const before = await Promise.all(names.map((name) => valueIn(node, name)));
  execFileSync('/bin/true');
  cable.send(2);
  for (const [i, name] of names.entries()) expect(await valueIn(node, name), name).toBeGreaterThan(before[i] ?? 0);
}

describe.skipIf(!IS_ROOT)('a service that is stopped', () => {
  it('sees nothing, keeps what it has, and is started again as it was', async () => {
    const { sandbox, node, cable } = await installed();
    await expectRunning(node, cable);
    const { programs, maps } = await node.status(SERVICE);
    const total = await valueIn(node, 'totals');
    for (let again = 0; again < 2; again++) await node.stop({ service: SERVICE });
    expect(await node.list()).toMatchObject([{ state: 'stopped', programs: 0 }]);
    const counted = await valueIn(node, 'counts');
    execFileSync('/bin/true');
    expect(await valueIn(node, 'counts')).toBe(counted);
    await expect(node.setTargets({ service: SERVICE })).rejects.toMatchObject({ code: 'ERR_SHIM_STOPPED' });

    const started = await node.start({ service: SERVICE });
    expect(started).toMatchObject({ generation: 1, warnings: [] });
    await expectRunning(node, cable);
    // The very programs that ran before, with their global variables.
    expect(await valueIn(node, 'totals')).toBeGreaterThan(total);
    const after = await node.status(SERVICE);
    expect(idsOf(after.programs)).toEqual(idsOf(programs));
    expect(idsOf(after.maps)).toEqual(idsOf(maps));
    expect(after.programs.map(({ link }) => link?.programId)).toEqual(after.programs.map(({ id }) => id));

    // As after a start of the machine.
    await node.stop({ service: SERVICE });
    rmSync(join(sandbox.bpffsDir, SERVICE), { recursive: true });
    await node.start({ service: SERVICE });
    await expectRunning(node, cable);
    expect(await node.status(SERVICE)).toMatchObject({ state: 'attached', generation: 1 });
    await node.stop({ service: SERVICE });
    await node.uninstall({ service: SERVICE });
    expect(sandbox.pins()).toEqual([]);
  });

  it('is started by an upgrade', async () => {
    const { node, cable } = await installed();
    const packed = await packServices([{ version: '1.1.0', variants: ALL }]);
    await node.stop({ service: SERVICE });
    await node.upgrade({ ...packed.unsigned('1.1.0'), service: SERVICE });
    expect(await node.status(SERVICE)).toMatchObject({ state: 'attached', generation: 2 });
    await expectRunning(node, cable);
    await node.stop({ service: SERVICE });
    await node.rollback({ service: SERVICE });
    expect(await node.status(SERVICE)).toMatchObject({ state: 'attached', generation: 1 });
  });
});

describe.skipIf(!IS_ROOT)('targets of a running service', () => {
  it('are changed without touching what stays', async () => {
    const { node, cable, other } = await installed();
    const linksOf = async (): Promise<Record<string, number | undefined>> =>
      Object.fromEntries((await node.status(SERVICE)).programs.map(({ key, link }) => [key, link?.id]));
    const before = await linksOf();
    const both = { packet: [{ interfaceName: cable.name }, { interfaceName: other.name }] };
    const { programs } = await node.setTargets({ service: SERVICE, attach: both });
    expect(new Map(programs.map(({ key, switched }) => [key, switched]))).toEqual(
      new Map([
        ['count', 'kept'],
        [`packet+${cable.name}`, 'kept'],
        [`packet+${other.name}`, 'attached'],
        ['watch', 'kept'],
        ['sum', 'kept'],
      ]),
    );
    expect(await linksOf()).toMatchObject(before);
    await expectRunning(node, cable);
    await expectRunning(node, other);

    await node.setTargets({ service: SERVICE, attach: { packet: { interfaceName: other.name }, watch: [] } });
    const after = await linksOf();
    expect(Object.keys(after).sort()).toEqual(['count', `packet+${other.name}`, 'sum']);
    expect(after['count']).toBe(before['count']);
    const packets = await valueIn(node, 'packets');
    cable.send(2);
    expect(await valueIn(node, 'packets')).toBe(packets);

    await expect(
      node.setTargets({ service: SERVICE, attach: { packet: { interfaceName: 'nowhere0' } } }),
    ).rejects.toMatchObject({ code: 'ERR_SHIM_ATTACH_TARGET' });
    expect(Object.keys(await linksOf())).toEqual(Object.keys(after));
  });

  it('that are patterns are looked up again', async () => {
    const sandbox = createSandbox();
    const pattern = `bs${process.pid % 100_000}x*`;
    const first = layCable();
    const packed = await packServices([{ version: '1.0.0', variants: { one: packetCounter() }, events: {} }]);
    const node = await sandbox.openNode();
    await node.install({ ...packed.unsigned('1.0.0'), attach: { '*': { interfaceName: pattern } } });
    const second = layCable();
    const { programs } = await node.setTargets({ service: SERVICE });
    expect(programs.map(({ hook, switched }) => [hook, switched])).toEqual([
      [`xdp:${first.name}`, 'kept'],
      [`xdp:${second.name}`, 'attached'],
    ]);
    second.send(3);
    expect(await valueIn(node, 'packets')).toBe(3);
    first.remove();
    expect(await node.setTargets({ service: SERVICE })).toMatchObject({
      programs: [{ hook: `xdp:${second.name}`, switched: 'kept' }],
    });
  });
});
