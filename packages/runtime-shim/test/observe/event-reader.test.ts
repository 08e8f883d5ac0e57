import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Kernel } from '../../src/kernel/kernel.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import type { EventBlock } from '../../src/observe/reader/event-block.ts';
import { type EventReader, openEventReader } from '../../src/observe/reader/open-event-reader.ts';
import { compileObject, execCounter } from '../support/compile-object.ts';
import { kernelDescriptors } from '../support/descriptors.ts';
import { fromGenerator, generateCalls } from '../support/call-generator.ts';
import { createSandbox, IS_ROOT } from '../support/sandbox.ts';
import { waitFor } from '../support/wait-for.ts';

/** The events of a block, one by one. */
function eventsOf({ bytes, places }: EventBlock): Uint8Array[] {
  return Array.from({ length: places.length / 2 }, (_, i) => new Uint8Array(bytes, places[2 * i], places[2 * i + 1]));
}

/** `comm` of an event of execCounter(). */
function commOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(8)).toString('latin1').split('\0')[0] ?? '';
}

function fail(): void {
  expect.unreachable();
}

function readerOfTest(): EventReader {
  const reader = openEventReader();
  onTestFinished(() => reader[Symbol.asyncDispose]());
  return reader;
}

async function loadAndPin(kernel: Kernel, source: string, pins: Record<string, string>): Promise<number> {
  const { id } = await kernel.load({ name: 'test', bytes: compileObject(source) });
  await kernel.pinObject(id, { maps: pins, programs: {} });
  return id;
}

describe.skipIf(!IS_ROOT).each(['ringbuf', 'perf'] as const)('events through a %s', (buffer) => {
  it('come while somebody reads, and again for the next reader', async () => {
    const { bpffs } = createSandbox();
    const events = join(bpffs, 'events');
    await using kernel = openKernel();
    const id = await loadAndPin(kernel, execCounter({ buffer }), { events });
    await kernel.attach(id, 'count', { linkPin: join(bpffs, 'link') });
    const reader = readerOfTest();
    for (let i = 0; i < 2; i++) {
      const seen: Uint8Array[] = [];
      let lost = 0;
      const opened = await reader.open(events, {
        onBlock(block) {
          seen.push(...eventsOf(block));
          lost += block.lost;
        },
        onError: fail,
      });
      expect(opened.facts).toMatchObject({ kind: buffer === 'perf' ? 'perf_event_array' : 'ringbuf' });
      await waitFor(() => {
        execFileSync('/bin/true');
        return seen.some((bytes) => commOf(bytes) === 'true') || undefined;
      });
      await opened.close();
      expect(lost).toBe(0);
      // The kernel pads perf samples to 8 bytes.
      expect(new Set(seen.map(({ length }) => length))).toEqual(new Set([buffer === 'perf' ? 28 : 24]));
    }
  });

  it('end where the buffer is closed, and everything is given back', async () => {
    const before = kernelDescriptors();
    const { bpffs } = createSandbox();
    const events = join(bpffs, 'events');
    const kernel = openKernel();
    await loadAndPin(kernel, execCounter({ buffer }), { events });
    const reader = openEventReader();
    const opened = await reader.open(events, { onBlock: () => undefined, onError: fail });
    expect(kernelDescriptors()).not.toEqual(before);
    await opened.close();
    await opened.close();
    await reader.open(events, { onBlock: () => undefined, onError: () => undefined });
    await reader[Symbol.asyncDispose]();
    await kernel[Symbol.asyncDispose]();
    rmSync(events);
    expect(kernelDescriptors()).toEqual(before);
  });
});

/** Sends 64 events with each system call of a generator's, and counts them in `sent`: those that found room, and those that did not. */
function flood(buffer: 'ringbuf' | 'perf'): string {
  const map =
    buffer === 'ringbuf'
      ? '__uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 65536);'
      : '__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __uint(key_size, 4); __uint(value_size, 4);';
  const send =
    buffer === 'ringbuf'
      ? 'bpf_ringbuf_output(&events, bytes, sizeof(bytes), 0)'
      : 'bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, bytes, sizeof(bytes))';
  return `
#include <asm/unistd.h>
struct { ${map} } events SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 2); __type(key, __u32); __type(value, __u64); } sent SEC(".maps");
SEC("raw_tp/sys_enter") int flood(struct bpf_raw_tracepoint_args *ctx)
{
	char bytes[256] = {};
	// The reader's own calls would feed the flood that it reads.
	if (!${fromGenerator('ctx->args[1]')})
		return 0;
	for (int i = 0; i < 64; i++) {
		__u32 failed = ${send} != 0;
		__u64 *number = bpf_map_lookup_elem(&sent, &failed);
		if (number)
			__sync_fetch_and_add(number, 1);
	}
	return 0;
}`;
}

describe.skipIf(!IS_ROOT).each(['ringbuf', 'perf'] as const)('a flood of events through a %s', (buffer) => {
  it('is read to the last one, and those that are lost are known', async () => {
    const { bpffs } = createSandbox();
    const pins = { events: join(bpffs, 'events'), sent: join(bpffs, 'sent') };
    await using kernel = openKernel();
    const id = await loadAndPin(kernel, flood(buffer), pins);
    const linkPin = join(bpffs, 'link');
    let [read, lost, full] = [0, 0, 0];
    const opened = await readerOfTest().open(pins.events, {
      onBlock(block) {
        read += block.places.length / 2;
        lost += block.lost;
        full += Number(block.full);
      },
      onError: fail,
    });
    await generateCalls();
    await kernel.attach(id, 'flood', { linkPin });
    const counts = async (): Promise<[sent: number, failed: number]> => {
      const entries = await kernel.dumpMap(pins.sent, 2);
      const [sent, failed] = entries.map(({ value }) => Number(Buffer.from(value).readBigUInt64LE()));
      return [sent ?? 0, failed ?? 0];
    };
    await waitFor(async () => (await counts())[1] > 0 || undefined);
    await kernel.removeLink(linkPin);
    // Those that run still send and count on.
    await kernel.settle();
    const [sent, failed] = await counts();
    await waitFor(() => read === sent || undefined);
    await opened.close();
    expect(read).toBe(sent);
    // A perf event array says it with the next event that finds room; a ring buffer only shows that it was full.
    if (buffer === 'ringbuf') expect([lost, full > 0]).toEqual([0, true]);
    else expect(lost).toBeLessThanOrEqual(failed);
  });
});

describe.skipIf(!IS_ROOT)('reading events', () => {
  it('is refused for a pin that is not there, and for a map that carries none', async () => {
    const { bpffs } = createSandbox();
    const counts = join(bpffs, 'counts');
    await using kernel = openKernel();
    await loadAndPin(kernel, execCounter(), { counts });
    const reader = readerOfTest();
    const open = (pin: string): Promise<unknown> => reader.open(pin, { onBlock: fail, onError: fail });
    await expect(open(join(bpffs, 'nothing'))).rejects.toMatchObject({ code: 'ERR_KERNEL_NOT_FOUND' });
    await expect(open(counts)).rejects.toMatchObject({
      code: 'ERR_KERNEL_CALL',
      message: `${counts} is a array, which carries no events`,
    });
  });
});
