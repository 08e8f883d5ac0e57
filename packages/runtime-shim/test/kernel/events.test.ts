import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { compileObject, execCounter } from '../support/compile-object.ts';
import { createSandbox, IS_ROOT } from '../support/sandbox.ts';

/** `comm` of an event of execCounter(). */
function commOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(8)).toString('latin1').split('\0')[0] ?? '';
}

describe.skipIf(!IS_ROOT).each(['ringbuf', 'perf'] as const)('events through a %s', (buffer) => {
  it('come while somebody reads, and again for the next reader', async () => {
    const { bpffs } = createSandbox();
    const events = join(bpffs, 'events');
    await using kernel = openKernel();
    const { id } = await kernel.load({ name: 'test', bytes: compileObject(execCounter({ buffer })) });
    await kernel.pinObject(id, { maps: { events }, programs: {} });
    await kernel.attach(id, 'count', { linkPin: join(bpffs, 'link') });
    for (let i = 0; i < 2; i++) {
      const stop = new AbortController();
      const timer = setInterval(() => execFileSync('/bin/true'), 20);
      const seen: Uint8Array[] = [];
      try {
        for await (const batch of kernel.readEvents({ mapPin: events, signal: stop.signal, intervalMs: 5 })) {
          expect(batch.lost).toBe(0);
          seen.push(...batch.events);
          if (seen.some((bytes) => commOf(bytes) === 'true')) stop.abort();
        }
      } finally {
        clearInterval(timer);
      }
      // The kernel pads perf samples to 8 bytes.
      expect(new Set(seen.map(({ length }) => length))).toEqual(new Set([buffer === 'perf' ? 28 : 24]));
    }
  });

  it('end at once where the signal has come before, or comes while nothing happens', async () => {
    const { bpffs } = createSandbox();
    const events = join(bpffs, 'events');
    await using kernel = openKernel();
    const { id } = await kernel.load({ name: 'test', bytes: compileObject(execCounter({ buffer })) });
    await kernel.pinObject(id, { maps: { events }, programs: {} });
    const collect = async (signal: AbortSignal): Promise<number> => {
      let batches = 0;
      for await (const _batch of kernel.readEvents({ mapPin: events, signal })) batches += 1;
      return batches;
    };
    expect(await collect(AbortSignal.abort())).toBe(0);
    expect(await collect(AbortSignal.timeout(100))).toBe(0);
  });
});

describe.skipIf(!IS_ROOT)('a flood of events', () => {
  it('is counted where a perf event array loses some', async () => {
    const { bpffs } = createSandbox();
    const source = `
struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __uint(key_size, 4); __uint(value_size, 4); } events SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); } sent SEC(".maps");
SEC("raw_tp/sys_enter") int flood(void *ctx)
{
	char bytes[256] = {};
	__u32 zero = 0;
	__u64 *number = bpf_map_lookup_elem(&sent, &zero);
	if (!number)
		return 0;
	for (int i = 0; i < 64; i++)
		bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, bytes, sizeof(bytes));
	__sync_fetch_and_add(number, 64);
	return 0;
}`;
    await using kernel = openKernel();
    const { id } = await kernel.load({ name: 'test', bytes: compileObject(source) });
    const pins = { events: join(bpffs, 'events'), sent: join(bpffs, 'sent') };
    await kernel.pinObject(id, { maps: pins, programs: {} });
    const linkPin = join(bpffs, 'link');
    await kernel.attach(id, 'flood', { linkPin });
    const stop = new AbortController();
    let [read, lost] = [0, 0];
    for await (const batch of kernel.readEvents({ mapPin: pins.events, signal: stop.signal, intervalMs: 1 })) {
      read += batch.events.length;
      lost += batch.lost;
      if (lost > 0) stop.abort();
    }
    await kernel.removeLink(linkPin);
    expect(read).toBeGreaterThan(0);
    expect(lost).toBeGreaterThan(0);
  });
});

describe.skipIf(!IS_ROOT)('reading events', () => {
  it('is refused for a pin that is not there, and for a map that carries none', async () => {
    const { bpffs } = createSandbox();
    const counts = join(bpffs, 'counts');
    await using kernel = openKernel();
    const { id } = await kernel.load({ name: 'test', bytes: compileObject(execCounter()) });
    await kernel.pinObject(id, { maps: { counts }, programs: {} });
    const first = (mapPin: string): Promise<unknown> =>
      kernel.readEvents({ mapPin, signal: new AbortController().signal })[Symbol.asyncIterator]().next();
    await expect(first(join(bpffs, 'nothing'))).rejects.toMatchObject({ code: 'ERR_KERNEL_NOT_FOUND' });
    await expect(first(counts)).rejects.toMatchObject({
      code: 'ERR_KERNEL_CALL',
      message: `${counts} is a array, which carries no events`,
    });
  });
});
