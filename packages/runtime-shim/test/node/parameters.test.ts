import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ShimNode } from '../../src/node/shim-node.ts';
import { createSandbox, IS_ROOT } from '../support/sandbox.ts';
import { packServices, type TestService } from '../support/test-service.ts';

/** Says in the map `seen` what its parameters are. */
function source(declarations: string, fields: string): string {
  return `
struct seen { char text[16]; __u64 number; __s32 less; _Bool flag; };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct seen); } seen SEC(".maps");
${declarations}
SEC("raw_tp/sched_process_exec") int look(void *ctx)
{
	__u32 zero = 0;
	struct seen *value = bpf_map_lookup_elem(&seen, &zero);
	if (!value)
		return 0;
	${fields}
	return 0;
}
`;
}

const ALL = `
const volatile char only_comm[16] = "all";
const volatile __u64 most = 7;
const volatile __s32 least = -1;
const volatile _Bool loud = 0;
`;
const READ_ALL = `
	for (int i = 0; i < 16; i++)
		value->text[i] = only_comm[i];
	value->number = most;
	value->less = least;
	value->flag = loud;
`;

const NAMES = [
  'parameters:',
  '  - { name: only_comm }',
  '  - { name: most }',
  '  - { name: least }',
  '  - { name: loud }',
];

const FIRST: TestService = { version: '1.0.0', variants: { one: source(ALL, READ_ALL) }, events: {}, project: NAMES };
/** Lacks `least`, and its `most` is smaller. */
const SECOND: TestService = {
  ...FIRST,
  version: '2.0.0',
  variants: {
    one: source(ALL.replace('__u64 most', '__u8 most').replace(/.*least.*\n/, ''), READ_ALL.replace(/.*least.*\n/, '')),
  },
  project: NAMES.filter((line) => !line.includes('least')),
};

/** What the running program says that its parameters are. */
async function seenBy(node: ShimNode): Promise<unknown> {
  execFileSync('/bin/true');
  const [entry] = (await node.dumpMap('test-service', 'seen', 1)) ?? [];
  return entry?.['value'];
}

describe.skipIf(!IS_ROOT)('load parameters', () => {
  it('are set by type, kept over an upgrade, restored by a rollback, and shown', async () => {
    const sandbox = createSandbox();
    const packed = await packServices([FIRST, SECOND]);
    const node = await sandbox.openNode();
    await node.install({
      ...packed.unsigned('1.0.0'),
      parameters: { most: { text: '0x80' }, only_comm: 'bash', least: -5, loud: true },
    });
    const first = { text: 'bash', number: 128, less: -5, flag: true };
    expect(await seenBy(node)).toEqual(first);
    expect((await node.status('test-service')).parameters).toEqual([
      { name: 'only_comm', type: 'text', default: 'all', value: 'bash', set: true },
      { name: 'most', type: 'u64', default: 7, value: 128, set: true },
      { name: 'least', type: 's32', default: -1, value: -5, set: true },
      { name: 'loud', type: 'bool', default: false, value: true, set: true },
    ]);

    const { warnings } = await node.upgrade({
      ...packed.unsigned('2.0.0'),
      service: 'test-service',
      parameters: { most: 255 },
      unset: ['loud'],
    });
    expect(warnings).toEqual(['parameter least is not declared any more; its value -5 was dropped']);
    expect(await seenBy(node)).toEqual({ text: 'bash', number: 255, less: -5, flag: false });
    expect((await node.status('test-service')).parameters.map(({ name, value }) => `${name}=${value}`)).toEqual([
      'only_comm=bash',
      'most=255',
      'loud=false',
    ]);

    await node.rollback({ service: 'test-service' });
    expect(await seenBy(node)).toEqual(first);
  });

  it('that cannot be are refused before anything is loaded', async () => {
    const sandbox = createSandbox();
    const packed = await packServices([FIRST, SECOND]);
    const node = await sandbox.openNode();
    for (const [parameters, message] of [
      [{ mst: 1 }, /there is no parameter "mst"/],
      [{ most: -1 }, /parameter most cannot be "-1": it is u64/],
      [{ most: { text: 'many' } }, /parameter most cannot be "many"/],
      [{ only_comm: 'sixteen letters!' }, /text of at most 15 bytes/],
      [{ loud: 1 }, /it is bool, true or false/],
    ] as const) {
      await expect(node.install({ ...packed.unsigned('1.0.0'), parameters })).rejects.toMatchObject({
        code: 'ERR_PARAMETER_INVALID',
        message: expect.stringMatching(message) as string,
      });
    }
    expect(sandbox.pins()).toEqual([]);
    await node.install({ ...packed.unsigned('1.0.0'), parameters: { most: 1000 } });
    await expect(node.upgrade({ ...packed.unsigned('2.0.0'), service: 'test-service' })).rejects.toMatchObject({
      code: 'ERR_SHIM_PARAMETER',
      message: 'parameter most is u8 in the new version, which cannot hold the value 1000 that it has',
      hint: expect.stringContaining('--unset most') as string,
    });
    expect(await seenBy(node)).toMatchObject({ number: 1000 });
    await node.upgrade({ ...packed.unsigned('2.0.0'), service: 'test-service', unset: ['most'] });
    expect(await seenBy(node)).toMatchObject({ number: 7 });
    const state = JSON.parse(readFileSync(join(sandbox.stateDir, 'services', 'test-service.json'), 'utf8')) as object;
    expect(state).toMatchObject({ generations: [{ parameters: { most: 1000 } }, { id: 2 }] });
  });
});
