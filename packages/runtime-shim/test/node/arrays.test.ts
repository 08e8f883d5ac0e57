import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ShimNode } from '../../src/node/shim-node.ts';
import { compileObject } from '../support/compile-object.ts';
import { createSandbox, IS_ROOT } from '../support/sandbox.ts';
import { packServices } from '../support/test-service.ts';

const SERVICE = 'test-service';
const HOOK = 'raw_tp/sched_process_exec';

/** Goes on in slots 0 and, where that is empty, 1 of its array; what runs then counts at its own place. */
const caller = (place: number, inner = ''): string => `
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 8); __type(key, __u32); __type(value, __u64); } hits SEC(".maps");
static __always_inline void hit(__u32 at)
{
	__u64 *number = bpf_map_lookup_elem(&hits, &at);
	if (number)
		__sync_fetch_and_add(number, 1);
}
SEC("${HOOK}") int tail(void *ctx) { hit(${place}); return 0; }
SEC("${HOOK}") int spare(void *ctx) { hit(${place} + 1); return 0; }
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(max_entries, 4); __uint(key_size, 4);
	__array(values, int (void *));
} jumps SEC(".maps") = { .values = { [1] = (void *)&tail } };
${inner}
SEC("${HOOK}") int enter(void *ctx)
{
	bpf_tail_call(ctx, &jumps, 0);
	bpf_tail_call(ctx, &jumps, 1);
	hit(7);
	return 0;
}`;

/** Maps of maps that the object fills. */
const mapsOfMaps = (names: readonly string[]): string => `
struct inner { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u32); };
${names.map((name) => `struct inner ${name} SEC(".maps");`).join('\n')}
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); __uint(max_entries, 4); __type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps") = { .values = { ${names.map((name) => `&${name}`).join(', ')} } };
`;

async function hitsOf(node: ShimNode): Promise<number[]> {
  return ((await node.dumpMap(SERVICE, 'hits', 8)) ?? []).map(({ value }) => Number(value));
}

/** Which places are hit by one execution and more. */
async function hitPlaces(node: ShimNode): Promise<number[]> {
  const before = await hitsOf(node);
  execFileSync('/bin/true');
  const after = await hitsOf(node);
  return after.flatMap((number, place) => (number > (before[place] ?? 0) ? [place] : []));
}

describe.skipIf(!IS_ROOT)('a program array', () => {
  /** `tail` is there to be called: the object says so itself. */
  const attach = { spare: [] };

  it('has the programs of its own generation, and what others have put into it', async () => {
    const sandbox = createSandbox();
    const packed = await packServices([
      { version: '1.0.0', variants: { one: caller(0) }, events: {} },
      { version: '1.1.0', variants: { one: caller(2) }, events: {} },
    ]);
    const node = await sandbox.openNode();
    await node.install({ ...packed.unsigned('1.0.0'), attach });
    expect(await hitPlaces(node)).toEqual([0]);
    const array = join(sandbox.bpffsDir, SERVICE, 'maps', 'jumps');
    const put = (slot: number, pin: string): void => {
      const key = ['key', String(slot), '0', '0', '0'];
      execFileSync('bpftool', ['map', 'update', 'pinned', array, ...key, 'value', 'pinned', pin], { stdio: 'ignore' });
    };
    put(0, join(sandbox.bpffsDir, SERVICE, 'generations', '1', 'programs', 'spare'));
    expect(await hitPlaces(node)).toEqual([1]);

    const { maps } = await node.upgrade({ ...packed.unsigned('1.1.0'), service: SERVICE });
    expect(maps).toContainEqual({ name: 'jumps', contents: 'copied' });
    expect(await hitPlaces(node)).toEqual([3]);
    await node.rollback({ service: SERVICE });
    expect(await hitPlaces(node)).toEqual([1]);

    // A program of somebody else.
    const kernel = sandbox.openKernel();
    const foreign = await kernel.load({
      name: 'foreign',
      bytes: compileObject(`SEC("${HOOK}") int nothing(void *ctx) { return 0; }`),
    });
    const pin = join(sandbox.bpffs, 'foreign');
    await kernel.pinObject(foreign.id, { maps: {}, programs: { nothing: pin } });
    put(0, pin);
    await node.upgrade({ ...packed.unsigned('1.1.0'), service: SERVICE });
    expect(await hitPlaces(node)).toEqual([]);

    // Started again, it is the same array.
    await node.stop({ service: SERVICE });
    await node.start({ service: SERVICE });
    expect(await hitPlaces(node)).toEqual([]);
    execFileSync('bpftool', ['map', 'delete', 'pinned', array, 'key', '0', '0', '0', '0']);
    expect(await hitPlaces(node)).toEqual([2]);
  });

  it('of maps keeps its maps, and gets those of a new version', async () => {
    const sandbox = createSandbox();
    const packed = await packServices([
      { version: '1.0.0', variants: { one: caller(0, mapsOfMaps(['first'])) }, events: {} },
      { version: '1.1.0', variants: { one: caller(0, mapsOfMaps(['first', 'second'])) }, events: {} },
    ]);
    const node = await sandbox.openNode();
    const kernel = sandbox.openKernel();
    await node.install({ ...packed.unsigned('1.0.0'), attach });
    const pin = (map: string): string => join(sandbox.bpffsDir, SERVICE, 'maps', map);
    const idOf = async (map: string): Promise<number | undefined> => (await kernel.inspectPin(pin(map)))?.id;
    const inner = async (): Promise<number[]> =>
      (await kernel.dumpMap(pin('outer'), 4)).map(({ value }) => Buffer.from(value).readUInt32LE(0));
    const first = await idOf('first');
    expect(await inner()).toEqual([first]);
    await node.upgrade({ ...packed.unsigned('1.1.0'), service: SERVICE });
    expect(await inner()).toEqual([first, await idOf('second')]);
    expect(await idOf('first')).toBe(first);
  });
});
