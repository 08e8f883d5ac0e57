import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { AttachOptions } from '../../../src/kernel/kernel.ts';
import { openKernel } from '../../../src/kernel/open-kernel.ts';
import { hitCounter, loadCounter } from '../../support/hit-counter.ts';
import { IS_ROOT } from '../../support/sandbox.ts';
import { layCable } from '../../support/virtual-cable.ts';

const lookup = hitCounter('sk_lookup', { context: 'struct bpf_sk_lookup', result: 1 });
const dissector = hitCounter('flow_dissector', { context: 'struct __sk_buff', result: 129 });
const filter = hitCounter('netfilter', { result: 1 });
const SOCKETS = `struct { __uint(type, BPF_MAP_TYPE_SOCKMAP); __uint(max_entries, 8); __type(key, __u32); __type(value, __u64); } NAME SEC(".maps");`;

describe.skipIf(!IS_ROOT)('a program at a network namespace', () => {
  it('is asked for the socket of a packet', async () => {
    await using kernel = openKernel();
    const cable = layCable();
    const counter = await loadCounter(kernel, lookup);
    const netnsPath = join('/run/netns', cable.namespace);
    expect(await counter.attach({ netnsPath })).toMatchObject({ type: 'netns', way: 'link' });
    expect(await counter.hitsBy(() => cable.answer(3))).toBe(3n);
    expect(await counter.inspect()).toMatchObject({ dead: false });
    await counter.detach();
    expect(await counter.hitsBy(() => cable.answer(1))).toBe(0n);
  });

  it.each([
    ['link', false],
    ['program-attach', true],
  ] as const)('dissects flows: %s', async (way, withoutLink) => {
    await using kernel = openKernel();
    const cable = layCable();
    const netnsPath = join('/run/netns', cable.namespace);
    const [counter, other] = [await loadCounter(kernel, dissector), await loadCounter(kernel, dissector)];
    expect(await counter.attach({ netnsPath, withoutLink })).toMatchObject({ type: 'netns', way });
    await expect(other.attach({ netnsPath })).rejects.toMatchObject({ code: 'ERR_KERNEL_ATTACH' });
    expect(await counter.inspect()).toMatchObject({ way, dead: false, programId: counter.object.programs[0]?.id });
    await counter.detach();
    await other.attach({ netnsPath });
    await other.detach();
  });

  it.each<[string, Partial<AttachOptions>]>([
    ['input', { netfilterHook: 'input' }],
    ['prerouting', { netfilterHook: 'prerouting', priority: -150 }],
  ])('filters at %s', async (_hook, options) => {
    await using kernel = openKernel();
    const cable = layCable();
    const [counter, other] = [await loadCounter(kernel, filter), await loadCounter(kernel, filter)];
    const target = { ...options, netnsPath: join('/run/netns', cable.namespace) };
    expect(await counter.attach(target)).toMatchObject({ type: 'netfilter', way: 'link' });
    await expect(other.attach(target)).rejects.toMatchObject({
      code: 'ERR_KERNEL_ATTACH',
      hint: expect.stringContaining('priority') as string,
    });
    expect(await counter.hitsBy(() => cable.answer(3))).toBe(3n);
    await expect(kernel.updateLink(counter.linkPin, other.object.id, 'hit')).rejects.toMatchObject({
      code: 'ERR_KERNEL_LINK_UPDATE_UNSUPPORTED',
    });
    await counter.detach();
    expect(await counter.hitsBy(() => cable.answer(1))).toBe(0n);
  });

  it('needs what it cannot guess', async () => {
    await using kernel = openKernel();
    const counter = await loadCounter(kernel, filter);
    await expect(counter.attach()).rejects.toMatchObject({
      message: 'program "hit" needs a hook of netfilter',
      hint: expect.stringContaining('prerouting') as string,
    });
    const other = await loadCounter(kernel, lookup);
    await expect(other.attach({ netnsPath: '/run/netns/nowhere' })).rejects.toMatchObject({
      code: 'ERR_KERNEL_ATTACH',
      message: expect.stringContaining('/run/netns/nowhere') as string,
    });
  });
});

describe.skipIf(!IS_ROOT)('a program at a map of sockets', () => {
  it.each([
    ['sk_msg', 'struct sk_msg_md', false],
    ['sk_msg', 'struct sk_msg_md', true],
    ['sk_skb/stream_verdict', 'struct __sk_buff', false],
    ['sk_skb/verdict', 'struct __sk_buff', true],
    ['sk_skb/stream_parser', 'struct __sk_buff', false],
  ] as const)('SEC("%s"): %s, without a link: %s', async (section, context, withoutLink) => {
    await using kernel = openKernel();
    const before = SOCKETS.replace('NAME', 'sockets');
    const source = hitCounter(section, { context, result: 1, before });
    const counter = await loadCounter(kernel, source);
    const way = withoutLink ? 'program-attach' : 'link';
    expect(await counter.attach({ withoutLink })).toMatchObject({ type: 'sockmap', way });
    expect(await counter.inspect()).toMatchObject({ way, dead: false });
    // The map has room for one.
    const again = { linkPin: join(counter.bpffs, 'again'), mapName: 'sockets' };
    if (!withoutLink)
      await expect(kernel.attach(counter.object.id, 'hit', again)).rejects.toMatchObject({ errno: 'EBUSY' });
    await counter.detach();
    expect(await kernel.attach(counter.object.id, 'hit', again)).toMatchObject({ type: 'sockmap' });
    await kernel.removeLink(again.linkPin);
  });

  it('must be told which, where there are several, and finds the one of another object by its pin', async () => {
    await using kernel = openKernel();
    const before = SOCKETS.replace('NAME', 'first') + SOCKETS.replace('NAME', 'second');
    const counter = await loadCounter(kernel, hitCounter('sk_msg', { context: 'struct sk_msg_md', result: 1, before }));
    await expect(counter.attach()).rejects.toMatchObject({
      message: expect.stringContaining('first, second') as string,
    });
    await expect(counter.attach({ mapName: 'third' })).rejects.toMatchObject({
      message: 'there is no map "third" for program "hit"',
    });
    const mapPin = join(counter.bpffs, 'second');
    await kernel.pinObject(counter.object.id, { maps: { second: mapPin }, programs: {} });
    const stranger = await loadCounter(kernel, hitCounter('sk_msg', { context: 'struct sk_msg_md', result: 1 }));
    await expect(stranger.attach()).rejects.toMatchObject({
      message: 'program "hit" needs a map of type sockmap or sockhash, and the service has none',
    });
    await stranger.attach({ mapName: 'second', mapPin });
    await stranger.detach();
  });
});
