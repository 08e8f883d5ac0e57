import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ShimNode } from '../../src/node/shim-node.ts';
import { createSandbox, IS_ROOT, type Sandbox } from '../support/sandbox.ts';
import { packServices, type TestService } from '../support/test-service.ts';

const SERVICE = 'test-service';

/** A service whose map `flows` is as given, and that counts in it the starts of programs by process. */
function flows(version: string, definition: string, project: readonly string[] = []): TestService {
  return {
    version,
    events: {},
    project,
    variants: {
      one: `
${definition}
SEC("raw_tp/sched_process_exec") int count(void *ctx)
{
	struct flow_key key = { .pid = bpf_get_current_pid_tgid() >> 32 };
	struct flow flow = { .starts = 1 };
	bpf_map_update_elem(&flows, &key, &flow, BPF_ANY);
	return 0;
}
`,
    },
  };
}

const OLD = `
struct flow_key { __u32 pid; };
struct flow { __u32 starts; __s16 level; char name[4]; };
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 20000); __type(key, struct flow_key); __type(value, struct flow); } flows SEC(".maps");
`;
const NEW = `
struct flow_key { __u32 pid; __u32 space; };
struct flow { __u64 bytes; __u64 starts; char name[8]; __s64 level; };
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 30000); __type(key, struct flow_key); __type(value, struct flow); } flows SEC(".maps");
`;
const COPY = ['migrations:', '  - { map: flows, rule: copy-fields }'];

const sized = (count: number): string => OLD.replace('20000', String(count));

/** Writes entries of the old form with keys from a million on. */
async function fill(sandbox: Sandbox, count: number, starts = 7): Promise<void> {
  const keys = Uint32Array.from({ length: count }, (_, i) => 1_000_000 + i);
  const values = Buffer.alloc(count * 12);
  for (let i = 0; i < count; i++) {
    values.writeUInt32LE(starts, i * 12);
    values.writeInt16LE(-5, i * 12 + 4);
    values.write('abc', i * 12 + 6);
  }
  const pin = join(sandbox.bpffsDir, SERVICE, 'maps', 'flows');
  await sandbox.openKernel().writeEntries({ pin, count, keys: new Uint8Array(keys.buffer), values });
}

async function entries(node: ShimNode): Promise<Record<number, unknown>> {
  const all = (await node.dumpMap(SERVICE, 'flows', 40_000)) as { key: { pid: number }; value: unknown }[];
  return Object.fromEntries(all.map(({ key, value }) => [key.pid, value]));
}

const linkIds = async (node: ShimNode): Promise<unknown> =>
  (await node.status(SERVICE)).programs.map(({ link }) => link);

describe.skipIf(!IS_ROOT)('a map that changes', () => {
  it('is copied by fields where the new version says so, and back', async () => {
    const sandbox = createSandbox();
    const packed = await packServices([flows('1.0.0', OLD), flows('2.0.0', NEW, COPY)]);
    const node = await sandbox.openNode();
    await node.install(packed.unsigned('1.0.0'));
    await fill(sandbox, 10_000);
    const { maps, steps, warnings } = await node.upgrade({ ...packed.unsigned('2.0.0'), service: SERVICE });
    expect(maps).toEqual([{ name: 'flows', contents: 'copied' }]);
    expect(steps.map(({ step }) => step)).toContain('migrate');
    expect(warnings).toEqual([expect.stringMatching(/^map flows was copied/) as string]);
    const after = await entries(node);
    expect(after[1_009_999]).toEqual({ bytes: 0, starts: 7, name: 'abc', level: -5 });
    expect(Object.keys(after).length).toBeGreaterThanOrEqual(10_000);

    await node.rollback({ service: SERVICE });
    expect((await entries(node))[1_000_000]).toEqual({ starts: 7, level: -5, name: 'abc' });
  });

  it('takes with it what came during the switch', async () => {
    const sandbox = createSandbox();
    const packed = await packServices([flows('1.0.0', OLD), flows('2.0.0', NEW, COPY)]);
    const node = await sandbox.openNode();
    await node.install(packed.unsigned('1.0.0'));
    let pid = 0;
    const { warnings } = await node.upgrade({
      ...packed.unsigned('2.0.0'),
      service: SERVICE,
      onStep: ({ step }) => {
        // The old program is still at its hook.
        if (step === 'migrate') pid = Number(execFileSync('sh', ['-c', 'echo $$; exec /bin/true']));
      },
    });
    expect(warnings).toEqual([expect.stringMatching(/\d+ entries that came during the switch were added$/) as string]);
    expect((await entries(node))[pid]).toMatchObject({ starts: 1, bytes: 0 });
  });

  it('is refused without a rule, before anything changes, with what is different', async () => {
    const sandbox = createSandbox();
    const packed = await packServices([flows('1.0.0', OLD), flows('2.0.0', NEW)]);
    const node = await sandbox.openNode();
    await node.install(packed.unsigned('1.0.0'));
    await fill(sandbox, 10);
    const [before, pins] = [await linkIds(node), sandbox.pins()];
    await expect(node.upgrade({ ...packed.unsigned('2.0.0'), service: SERVICE })).rejects.toMatchObject({
      code: 'ERR_SHIM_MAP_INCOMPATIBLE',
      message: 'map "flows" has another key size (4, now 8), and no rule for its contents',
      details: [
        '  key.space is new (__u32)',
        '  value.starts was __u32, is __u64',
        '  value.level was at byte 4, is at 24',
        '  value.level was __s16, is __s64',
        '  value.name was at byte 6, is at 16',
        '  value.name had 4 elements, has 8',
        '  value.bytes is new (__u64)',
      ]
        .join('\n')
        .replace('  value.starts was', '  value.starts was at byte 0, is at 8\n  value.starts was'),
      hint: expect.stringContaining('--discard-map flows') as string,
    });
    expect([await linkIds(node), sandbox.pins()]).toEqual([before, pins]);
    const { maps } = await node.upgrade({
      ...packed.unsigned('2.0.0'),
      service: SERVICE,
      discardMaps: ['flows'],
    });
    expect(maps).toEqual([{ name: 'flows', contents: 'new' }]);
    expect((await entries(node))[1_000_000]).toBeUndefined();
  });

  it.each([
    ['numbers that became too large', COPY, 2 ** 33, /has an entry that its new form cannot hold/],
    [
      'a rule that is for its size alone',
      [COPY[0] ?? '', '  - { map: flows, rule: keep-larger }'],
      1,
      /a rule for its number of entries alone/,
    ],
  ])('is not brought over with %s', async (_what, project, starts, message) => {
    const sandbox = createSandbox();
    const packed = await packServices([flows('1.0.0', OLD), flows('2.0.0', NEW, project)]);
    const node = await sandbox.openNode();
    await node.install(packed.unsigned('1.0.0'));
    const upgrade = node.upgrade({ ...packed.unsigned('2.0.0'), service: SERVICE });
    if (starts === 1) {
      await expect(upgrade).rejects.toMatchObject({ message: expect.stringMatching(message) as string });
      return;
    }
    await upgrade;
    const value = Buffer.alloc(32);
    value.writeBigUInt64LE(BigInt(starts), 8);
    await sandbox.openKernel().writeEntries({
      pin: join(sandbox.bpffsDir, SERVICE, 'maps', 'flows'),
      count: 1,
      keys: new Uint8Array(8),
      values: value,
    });
    const before = await linkIds(node);
    await expect(node.rollback({ service: SERVICE })).rejects.toMatchObject({
      code: 'ERR_SHIM_MAP_INCOMPATIBLE',
      message: expect.stringMatching(message) as string,
    });
    expect(await linkIds(node)).toEqual(before);
    expect(await node.list()).toMatchObject([{ version: '2.0.0', state: 'attached' }]);
    await node.rollback({ service: SERVICE, discardMaps: ['flows'] });
  });

  it('keeps the larger number of entries where the rule says so', async () => {
    const sandbox = createSandbox();
    const rule = [COPY[0] ?? '', '  - { map: flows, rule: keep-larger }'];
    const packed = await packServices([
      flows('1.0.0', sized(1000)),
      flows('2.0.0', sized(500), rule),
      flows('3.0.0', sized(500)),
      flows('4.0.0', sized(2000), rule),
    ]);
    const node = await sandbox.openNode();
    await node.install(packed.unsigned('1.0.0'));
    await fill(sandbox, 900);
    const kernel = sandbox.openKernel();
    const sizes: unknown[] = [];
    for (const version of ['2.0.0', '3.0.0', '4.0.0']) {
      const { maps } = await node.upgrade({ ...packed.unsigned(version), service: SERVICE });
      const info = await kernel.inspectPin(join(sandbox.bpffsDir, SERVICE, 'maps', 'flows'));
      sizes.push([maps[0]?.contents, info?.kind === 'map' ? info.maxEntries : 0]);
      expect((await entries(node))[1_000_899]).toEqual({ starts: 7, level: -5, name: 'abc' });
    }
    expect(sizes).toEqual([
      ['kept', 1000],
      ['kept', 1000],
      ['copied', 2000],
    ]);
  });

  it('that becomes too small for what is in it is not brought over', async () => {
    const sandbox = createSandbox();
    const packed = await packServices([flows('1.0.0', OLD), flows('2.0.0', OLD.replace('20000', '50'), COPY)]);
    const node = await sandbox.openNode();
    await node.install(packed.unsigned('1.0.0'));
    await fill(sandbox, 900);
    const [before, pins] = [await linkIds(node), sandbox.pins()];
    await expect(node.upgrade({ ...packed.unsigned('2.0.0'), service: SERVICE })).rejects.toMatchObject({
      message: 'map "flows" has more entries than its new form has room for (50)',
    });
    expect([await linkIds(node), sandbox.pins()]).toEqual([before, pins]);
  });

  it.each(['PERCPU_ARRAY', 'ARRAY'])('is copied on every CPU, and in arrays: %s', async (type) => {
    const sandbox = createSandbox();
    const version = (number: string, value: string, project: readonly string[]): TestService => ({
      version: number,
      events: {},
      project,
      variants: {
        one: `
struct tally { ${value} };
struct { __uint(type, BPF_MAP_TYPE_${type}); __uint(max_entries, 3); __type(key, __u32); __type(value, struct tally); } tallies SEC(".maps");
SEC("raw_tp/sched_process_exec") int count(void *ctx)
{
	__u32 two = 2;
	struct tally *tally = bpf_map_lookup_elem(&tallies, &two);
	if (tally)
		__sync_fetch_and_add(&tally->starts, 1);
	return 0;
}
`,
      },
    });
    const packed = await packServices([
      version('1.0.0', '__u32 starts;', []),
      version('2.0.0', '__u64 other; __u64 starts;', ['migrations: [{ map: tallies, rule: copy-fields }]']),
    ]);
    const node = await sandbox.openNode();
    await node.install(packed.unsigned('1.0.0'));
    for (let i = 0; i < 8; i++) execFileSync('/bin/true');
    await node.upgrade({ ...packed.unsigned('2.0.0'), service: SERVICE });
    const [, , third] = (await node.dumpMap(SERVICE, 'tallies', 3)) as { value: unknown }[];
    const values = (Array.isArray(third?.value) ? third.value : [third?.value]) as { starts: number }[];
    expect(values.reduce((sum, { starts }) => sum + starts, 0)).toBeGreaterThanOrEqual(8);
  });
});
