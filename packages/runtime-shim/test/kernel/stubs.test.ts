import { calledHelpers, contextUse } from '@bpfship/bpf-object';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Kernel, LoadedObject, StubOptions } from '../../src/kernel/kernel.ts';
import { compileObject } from '../support/compile-object.ts';
import { createSandbox, IS_ROOT } from '../support/sandbox.ts';

const COUNTER = (section: string, body = ''): string => `
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); } hits SEC(".maps");
SEC("${section}") int hit(void *ctx)
{
	__u32 zero = 0;
	__u64 *number = bpf_map_lookup_elem(&hits, &zero);
	${body}
	if (number)
		__sync_fetch_and_add(number, 1);
	return 0;
}`;

async function load(kernel: Kernel, source: string): Promise<LoadedObject> {
  return kernel.load({ name: 'x', bytes: compileObject(source) });
}

function options(bpffs: string, change: Partial<StubOptions> = {}): StubOptions {
  return {
    name: 'hit',
    section: 'raw_tp/sched_process_exec',
    result: 0,
    contextBytes: 0,
    functionIp: false,
    programPin: join(bpffs, 'stub'),
    slotsPin: join(bpffs, 'slots'),
    ...change,
  };
}

async function extentOf(body: string, functions = ''): Promise<number | undefined> {
  const kernel = createSandbox().openKernel();
  const { id } = await load(kernel, functions + COUNTER('raw_tp/sched_process_exec', body));
  return contextUse(await kernel.programInstructions(id, 'hit'))?.bytes;
}

describe.skipIf(!IS_ROOT)('a stub', () => {
  it('goes on in the program of the slot that the selector names', async () => {
    const sandbox = createSandbox();
    const { bpffs } = sandbox;
    const kernel = sandbox.openKernel();
    const selector = join(bpffs, 'selector');
    await kernel.makeSelector(selector);
    expect(await kernel.readSelector(selector)).toBe(0);
    const { id } = await load(kernel, COUNTER('raw_tp/sched_process_exec'));
    const program = join(bpffs, 'program');
    await kernel.pinObject(id, { maps: {}, programs: { hit: program } });
    const stub = options(bpffs);
    await kernel.loadStubs(selector, [stub]);
    expect(await kernel.readSlots(stub.slotsPin)).toEqual([undefined, undefined]);
    await kernel.fillSlot(stub.slotsPin, 1, program);
    const there = await kernel.inspectPin(program);
    expect(await kernel.readSlots(stub.slotsPin)).toEqual([undefined, there?.id]);
    await kernel.writeSelector(selector, 1);
    expect(await kernel.readSelector(selector)).toBe(1);
    await kernel.settle();
    await kernel.clearSlot(stub.slotsPin, 1);
    await kernel.clearSlot(stub.slotsPin, 1);
    expect(await kernel.readSlots(stub.slotsPin)).toEqual([undefined, undefined]);
  });

  it('takes no program of another type', async () => {
    const sandbox = createSandbox();
    const { bpffs } = sandbox;
    const kernel = sandbox.openKernel();
    const selector = join(bpffs, 'selector');
    await kernel.makeSelector(selector);
    const { id } = await load(kernel, COUNTER('xdp'));
    const program = join(bpffs, 'program');
    await kernel.pinObject(id, { maps: {}, programs: { hit: program } });
    const stub = options(bpffs);
    await kernel.loadStubs(selector, [stub]);
    await expect(kernel.fillSlot(stub.slotsPin, 0, program)).rejects.toMatchObject({ code: 'ERR_KERNEL_SLOT' });
  });

  it('that reads more than its hook hands over is not attached', async () => {
    const sandbox = createSandbox();
    const { bpffs } = sandbox;
    const kernel = sandbox.openKernel();
    const selector = join(bpffs, 'selector');
    await kernel.makeSelector(selector);
    // sched_process_exec hands over three arguments.
    const { id } = await kernel.loadStubs(selector, [options(bpffs, { contextBytes: 24 })]);
    await kernel.attach(id, 'hit', { linkPin: join(bpffs, 'link') });
    const pins = { programPin: join(bpffs, 'stub-2'), slotsPin: join(bpffs, 'slots-2') };
    const far = await kernel.loadStubs(selector, [options(bpffs, { contextBytes: 32, ...pins })]);
    await expect(kernel.attach(far.id, 'hit', { linkPin: join(bpffs, 'link-2') })).rejects.toMatchObject({
      code: 'ERR_KERNEL_ATTACH',
      errno: 'EINVAL',
    });
  });

  it('leaves no pin where one of those that are loaded with it is refused', async () => {
    const sandbox = createSandbox();
    const { bpffs } = sandbox;
    const kernel = sandbox.openKernel();
    const selector = join(bpffs, 'selector');
    await kernel.makeSelector(selector);
    const bad = options(bpffs, {
      name: 'bad',
      section: 'tracepoint/sched/sched_process_exec',
      contextBytes: 9_000,
      programPin: join(bpffs, 'bad'),
      slotsPin: join(bpffs, 'bad-slots'),
    });
    await expect(kernel.loadStubs(selector, [options(bpffs), bad])).rejects.toMatchObject({
      code: 'ERR_KERNEL_LOAD_REJECTED',
    });
    for (const { programPin, slotsPin } of [options(bpffs), bad]) {
      expect(await kernel.inspectPin(programPin)).toBeUndefined();
      expect(await kernel.inspectPin(slotsPin)).toBeUndefined();
    }
  });
});

describe.skipIf(!IS_ROOT)('what a loaded program does', () => {
  it('with its context is measured as the kernel measures it', async () => {
    expect(await extentOf('')).toBe(0);
    expect(await extentOf('number = ((__u64 *)ctx)[1] ? number : 0;')).toBe(16);
    const called = 'static __attribute__((noinline)) int third(__u64 *args) { return args[2] != 0; }\n';
    expect(await extentOf('if (third(ctx)) return 0;', called)).toBe(24);
  });

  it('is not guessed where it cannot be followed', async () => {
    const callback =
      'struct kept { __u64 *args; };\n static long each(__u32 i, struct kept *kept) { return kept->args[2] != 0; }\n';
    const body = 'struct kept kept = { ctx }; bpf_loop(2, each, &kept, 0);';
    expect(await extentOf(body, callback)).toBeUndefined();
  });

  it('calls these helpers', async () => {
    const kernel = createSandbox().openKernel();
    const { id } = await load(kernel, COUNTER('raw_tp/sched_process_exec', 'bpf_get_current_pid_tgid();'));
    expect([...calledHelpers(await kernel.programInstructions(id, 'hit'))].sort((a, b) => a - b)).toEqual([1, 14]);
  });
});
