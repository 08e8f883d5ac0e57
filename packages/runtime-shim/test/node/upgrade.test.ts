import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MemoryStore } from '@bpfship/oras-client';
import type { ShimNode } from '../../src/node/shim-node.ts';
import type { ServiceStatus } from '../../src/node/status.ts';
import { execCounter, packetCounter, stubless } from '../support/compile-object.ts';
import { createSandbox, IS_ROOT } from '../support/sandbox.ts';
import { packServices } from '../support/test-service.ts';
import { layCable } from '../support/virtual-cable.ts';

const SERVICE = 'test-service';

async function valueIn(node: ShimNode, map: string): Promise<number> {
  const [entry] = (await node.dumpMap(SERVICE, map, 1)) ?? [];
  return Number(entry?.['value']);
}

/** What must not change where an upgrade fails: ids of programs, links and maps as the kernel has them. */
function idsOf({ generations, programs, maps, state }: ServiceStatus): unknown {
  return {
    state,
    generations,
    programs: programs.map(({ name, id, link }) => ({ name, id, link: link?.id, runs: link?.programId })),
    maps: maps.map(({ name, id }) => ({ name, id })),
  };
}

function ids(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

/** Counts in a map of the given definition. */
function keeping(map: string): string {
  return `
struct pair { __u32 first; __u32 second; };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); ${map} __type(key, __u32); } kept SEC(".maps");
SEC("raw_tp/sched_process_exec") int count(void *ctx)
{
	__u32 zero = 0;
	__u64 *number = bpf_map_lookup_elem(&kept, &zero);
	if (number)
		__sync_fetch_and_add(number, 1);
	return 0;
}`;
}

describe.skipIf(!IS_ROOT)('upgrade', () => {
  it('keeps a bounded number of generations, and garbage collection what they need', async () => {
    const sandbox = createSandbox();
    const versions = Array.from({ length: 19 }, (_, i) => `1.0.${i}`);
    const packed = await packServices(
      versions.map((version) => ({ version, variants: { one: `${execCounter()}\n// ${version}\n` } })),
    );
    const node = await sandbox.openNode();
    await node.install(packed.unsigned('1.0.0'));
    for (const version of versions.slice(1)) await node.upgrade({ ...packed.unsigned(version), service: SERVICE });
    const { generations } = await node.status(SERVICE);
    expect(generations.map(({ version }) => version)).toEqual(versions.slice(-16));

    // What runs and what ran before it stay, however old they are.
    await node.rollback({ service: SERVICE, to: generations[0]?.id ?? 0 });
    await node.upgrade({ ...packed.unsigned('1.0.0'), service: SERVICE });
    expect((await node.status(SERVICE)).generations.map(({ id }) => id)).toEqual(ids(4, 20));
    expect((await node.garbageCollect()).length).toBeGreaterThan(0);
    expect(await node.garbageCollect()).toEqual([]);
    expect(await node.rollback({ service: SERVICE })).toMatchObject({ version: '1.0.18' });
  });

  it('keeps the contents of maps, switches by a stub or by overlap, and rolls back without a registry', async () => {
    const sandbox = createSandbox();
    const packed = await packServices([
      { version: '1.0.0', variants: { ring: execCounter() + stubless() } },
      { version: '1.1.0', variants: { perf: execCounter({ buffer: 'perf' }) + stubless() } },
    ]);
    const node = await sandbox.openNode();
    await node.install(packed.unsigned('1.0.0'));
    execFileSync('/bin/true');
    const before = await valueIn(node, 'counts');
    expect(before).toBeGreaterThan(0);

    const upgraded = await node.upgrade({ ...packed.unsigned('1.1.0'), service: SERVICE });
    expect(upgraded).toMatchObject({
      version: '1.1.0',
      variant: 'perf',
      generation: 2,
      programs: [
        { name: 'count', switched: 'stub' },
        { name: 'watch', switched: 'overlap' },
      ],
      warnings: [],
    });
    expect(Object.fromEntries(upgraded.maps.map(({ name, contents }) => [name, contents]))).toEqual({
      counts: 'kept',
      scratch: 'kept',
      events: 'new',
      seen: 'kept',
    });
    const kept = await valueIn(node, 'counts');
    expect(kept).toBeGreaterThanOrEqual(before);
    execFileSync('/bin/true');
    expect(await valueIn(node, 'counts')).toBeGreaterThan(kept);
    expect(await node.status(SERVICE)).toMatchObject({
      programs: [
        { state: 'attached', switching: { way: 'stub' } },
        { state: 'attached', switching: { way: 'overlap', why: expect.stringContaining('context') as string } },
      ],
      state: 'attached',
    });

    const rolledBack = await node.rollback({ service: SERVICE });
    expect(rolledBack).toMatchObject({
      version: '1.0.0',
      generation: 1,
      programs: [{ switched: 'stub' }, { switched: 'overlap' }],
    });
    expect(rolledBack.steps.map(({ step }) => step)).toEqual(['load', 'attach', 'record']);
    expect(await valueIn(node, 'counts')).toBeGreaterThan(kept);
    const { generations } = await node.status(SERVICE);
    expect(generations.map(({ id, current }) => [id, current])).toEqual([
      [1, true],
      [2, false],
    ]);
    await expect(node.rollback({ service: SERVICE })).rejects.toMatchObject({ code: 'ERR_SHIM_NO_GENERATION' });
    await expect(node.rollback({ service: SERVICE, to: 9 })).rejects.toMatchObject({ code: 'ERR_SHIM_NO_GENERATION' });
    expect(await node.rollback({ service: SERVICE, to: 2 })).toMatchObject({ version: '1.1.0' });
    const next = await node.upgrade({ ...packed.unsigned('1.0.0'), service: SERVICE });
    expect(next.generation).toBe(3);
    expect(sandbox.pins().filter((pin) => pin.includes('/generations/'))).toEqual([
      'test-service/generations/3/links/watch',
      'test-service/generations/3/programs/count',
      'test-service/generations/3/programs/watch',
    ]);
    expect(sandbox.pins().filter((pin) => pin.includes('/stubs/'))).toEqual([
      'test-service/stubs/links/count',
      'test-service/stubs/programs/count',
      'test-service/stubs/selector',
      'test-service/stubs/slots/count',
    ]);
  });

  it('switches XDP in place on its interface, whatever the program is called', async () => {
    const sandbox = createSandbox();
    const cable = layCable();
    const packed = await packServices([
      { version: '1.0.0', variants: { plain: packetCounter() }, events: {} },
      { version: '1.1.0', variants: { frags: packetCounter({ section: 'xdp.frags' }) }, events: {} },
      { version: '1.2.0', variants: { plain: packetCounter({ program: 'renamed' }) }, events: {} },
    ]);
    const node = await sandbox.openNode();
    await node.install({ ...packed.unsigned('1.0.0'), attach: { '*': { interfaceName: cable.name } } });
    cable.send(3);
    for (const [version, name] of [
      ['1.1.0', 'packet'],
      ['1.2.0', 'renamed'],
    ] as const) {
      const { programs } = await node.upgrade({ ...packed.unsigned(version), service: SERVICE });
      expect(programs).toMatchObject([{ name, hook: `xdp:${cable.name}`, switched: 'in-place' }]);
      cable.send(2);
    }
    expect(await node.rollback({ service: SERVICE })).toMatchObject({
      programs: [{ name: 'packet', switched: 'in-place' }],
    });
    cable.send(4);
    expect(await valueIn(node, 'packets')).toBe(11);
    expect(await node.status(SERVICE)).toMatchObject({ state: 'attached', version: '1.1.0' });
    await node.uninstall({ service: SERVICE });
    expect(execFileSync('ip', ['link', 'show', cable.name], { encoding: 'utf8' })).not.toContain('xdp');
  });

  it('leaves the running generation whole where the new one cannot be attached', async () => {
    const sandbox = createSandbox();
    const cable = layCable({ mtu: 9000 });
    const both = execCounter({ buffer: 'perf' }) + packetCounter();
    const packed = await packServices([
      { version: '1.0.0', variants: { ring: execCounter() } },
      { version: '1.1.0', variants: { both } },
    ]);
    const attach = { '*': { interfaceName: cable.name, xdpMode: 'native' as const } };
    const node = await sandbox.openNode();
    await node.install(packed.unsigned('1.0.0'));
    const before = idsOf(await node.status(SERVICE));
    const pins = sandbox.pins();
    await expect(node.upgrade({ ...packed.unsigned('1.1.0'), service: SERVICE, attach })).rejects.toMatchObject({
      code: 'ERR_KERNEL_ATTACH',
      errno: 'ERANGE',
    });
    expect(idsOf(await node.status(SERVICE))).toEqual(before);
    expect(sandbox.pins()).toEqual(pins);
    const count = await valueIn(node, 'counts');
    execFileSync('/bin/true');
    expect(await valueIn(node, 'counts')).toBeGreaterThan(count);
  });

  it('puts a switched link back where a later program cannot be attached', async () => {
    const sandbox = createSandbox();
    const [cable, large] = [layCable(), layCable({ mtu: 9000 })];
    const other = packetCounter({ program: 'other' }).replaceAll('packets', 'more');
    const packed = await packServices([
      { version: '1.0.0', variants: { one: packetCounter() }, events: {} },
      { version: '1.1.0', variants: { two: packetCounter() + other }, events: {} },
    ]);
    const node = await sandbox.openNode();
    await node.install({ ...packed.unsigned('1.0.0'), attach: { packet: { interfaceName: cable.name } } });
    const before = idsOf(await node.status(SERVICE));
    const pins = sandbox.pins();
    const attach = {
      packet: { interfaceName: cable.name },
      other: { interfaceName: large.name, xdpMode: 'native' as const },
    };
    await expect(node.upgrade({ ...packed.unsigned('1.1.0'), service: SERVICE, attach })).rejects.toMatchObject({
      errno: 'ERANGE',
    });
    expect(idsOf(await node.status(SERVICE))).toEqual(before);
    expect(sandbox.pins()).toEqual(pins);
    cable.send(3);
    expect(await valueIn(node, 'packets')).toBe(3);
  });

  it('shares an interface with another service, or says whose it is where the machine lets nobody share', async () => {
    const sandbox = createSandbox();
    const cable = layCable();
    const packed = await packServices([{ version: '1.0.0', variants: { plain: packetCounter() }, events: {} }]);
    const occupant = await packServices([
      { name: 'occupant', version: '1.0.0', variants: { plain: packetCounter() }, events: {} },
    ]);
    const attach = { '*': { interfaceName: cable.name } };
    const node = await sandbox.openNode();
    await node.install({ ...occupant.unsigned('1.0.0'), attach });
    expect(await node.status('occupant')).toMatchObject({ programs: [{ xdp: { use: 'exclusive' } }] });
    const pins = sandbox.pins();
    const problem = await sandbox.openKernel().xdpSharingProblem();
    const second = node.install({ ...packed.unsigned('1.0.0'), attach });
    if (problem === undefined) {
      await second;
      cable.send(3);
      expect(await valueIn(node, 'packets')).toBe(3);
      expect(await node.status('occupant')).toMatchObject({ programs: [{ xdp: { use: 'shared', of: 2 } }] });
    } else {
      await expect(second).rejects.toMatchObject({
        code: 'ERR_KERNEL_ATTACH',
        errno: 'EBUSY',
        message: `XDP on ${cable.name} is taken by program "packet" of service occupant; "packet" cannot have it too`,
        hint: expect.stringContaining('bpfship uninstall occupant') as string,
      });
      expect(sandbox.pins()).toEqual(pins);
      expect(await node.list()).toHaveLength(1);
    }
    expect(await node.status('occupant')).toMatchObject({ state: 'attached' });
  });

  it.each([
    ['size', 'array of longer values', '__type(value, __u64)', '__type(value, __u64[2])', 'value size (8, now 16)'],
    ['number', 'array of more entries', 'max_entries, 1)', 'max_entries, 2)', 'number of entries (1, now 2)'],
    ['meaning', 'equal sizes', '__type(value, __u64)', '__type(value, struct pair)', 'layout of its keys or values'],
  ])('refuses a map of another %s (%s), before anything changes', async (_what, _how, from, to, difference) => {
    const sandbox = createSandbox();
    const definition = '__uint(max_entries, 1); __type(value, __u64);';
    const packed = await packServices([
      { version: '1.0.0', variants: { one: keeping(definition) }, events: {} },
      { version: '2.0.0', variants: { one: keeping(definition.replace(from, to)) }, events: {} },
    ]);
    const node = await sandbox.openNode();
    await node.install(packed.unsigned('1.0.0'));
    const before = idsOf(await node.status(SERVICE));
    await expect(node.upgrade({ ...packed.unsigned('2.0.0'), service: SERVICE })).rejects.toMatchObject({
      code: 'ERR_SHIM_MAP_INCOMPATIBLE',
      message: expect.stringContaining(`map "kept" has another ${difference}`) as string,
    });
    expect(idsOf(await node.status(SERVICE))).toEqual(before);
  });

  it('keeps a map for the way back that the version between has not', async () => {
    const sandbox = createSandbox();
    const packed = await packServices([
      { version: '1.0.0', variants: { one: execCounter() } },
      { version: '1.1.0', variants: { one: execCounter().replaceAll('counts', 'others') } },
    ]);
    const node = await sandbox.openNode();
    await node.install(packed.unsigned('1.0.0'));
    execFileSync('/bin/true');
    await node.upgrade({ ...packed.unsigned('1.1.0'), service: SERVICE });
    const result = await node.rollback({ service: SERVICE });
    expect(result.maps).toContainEqual({ name: 'counts', contents: 'kept' });
    expect(await valueIn(node, 'counts')).toBeGreaterThan(0);
  });

  it('refuses the package of another service', async () => {
    const sandbox = createSandbox();
    const packed = await packServices([{ version: '1.0.0', variants: { one: execCounter() } }]);
    const other = await packServices([{ name: 'other', version: '1.0.0', variants: { one: execCounter() } }]);
    const node = await sandbox.openNode();
    await node.install(packed.unsigned('1.0.0'));
    await expect(node.upgrade({ ...other.unsigned('1.0.0'), service: SERVICE })).rejects.toMatchObject({
      code: 'ERR_SHIM_WRONG_SERVICE',
    });
  });

  it('rolls back to what was verified, and to nothing else', async () => {
    const sandbox = createSandbox();
    const packed = await packServices([
      { version: '1.0.0', variants: { one: execCounter() } },
      { version: '1.1.0', variants: { one: execCounter({ hook: 'raw_tp/sched_process_fork' }) } },
    ]);
    const node = await sandbox.openNode();
    await node.install(packed.unsigned('1.0.0'));
    const first = sandbox.blobs();
    await node.upgrade({ ...packed.unsigned('1.1.0'), service: SERVICE });
    for (const blob of first) rmSync(join(sandbox.stateDir, 'store', 'blobs', blob));
    const before = idsOf(await node.status(SERVICE));
    await expect(node.rollback({ service: SERVICE })).rejects.toMatchObject({ code: 'ERR_SHIM_STATE_CORRUPT' });
    expect(idsOf(await node.status(SERVICE))).toEqual(before);
    await node.uninstall({ service: SERVICE });
    expect(sandbox.pins()).toEqual([]);
  });

  it('needs no registry that answers for what the local store has', async () => {
    const sandbox = createSandbox();
    const packed = await packServices([{ version: '1.0.0', variants: { one: execCounter() } }]);
    const node = await sandbox.openNode();
    await node.install(packed.unsigned('1.0.0'));
    const empty = new MemoryStore();
    await expect(node.upgrade({ ...packed.unsigned('1.0.0'), target: empty, service: SERVICE })).rejects.toMatchObject({
      code: 'ERR_OCI_NOT_FOUND',
    });
    const again = await node.upgrade({ ...packed.unsigned('1.0.0'), service: SERVICE });
    expect(again.steps.find(({ step }) => step === 'fetch')).toMatchObject({ bytes: 0 });
  });
});
