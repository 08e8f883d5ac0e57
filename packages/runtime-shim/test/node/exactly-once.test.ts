import { describe, expect, it } from 'vitest';
import type { ShimNode } from '../../src/node/shim-node.ts';
import { fromGenerator, generateCalls } from '../support/call-generator.ts';
import { createSandbox, IS_ROOT } from '../support/sandbox.ts';
import { packServices } from '../support/test-service.ts';

const SERVICE = 'test-service';
const UPGRADES = 12;

/** Counts the generator's calls at a raw tracepoint and at a tracepoint, by the generation that sees them. */
const counter = (generation: number): string => `
#include <asm/unistd.h>
struct arguments { __u64 common; long number; };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, __u32); __type(value, __u64); } calls SEC(".maps");
static __always_inline void count(__u32 at)
{
	__u64 *number = bpf_map_lookup_elem(&calls, &at);
	if (number)
		__sync_fetch_and_add(number, 1);
}
SEC("raw_tp/sys_enter") int raw(__u64 *ctx)
{
	if (${fromGenerator('ctx[1]')})
		count(${generation});
	return 0;
}
SEC("tracepoint/syscalls/sys_enter_getpgid") int traced(struct arguments *ctx)
{
	if (${fromGenerator('ctx->number')})
		count(${generation} + 2);
	return 0;
}`;

async function countsOf(node: ShimNode): Promise<number[]> {
  const entries = (await node.dumpMap(SERVICE, 'calls', 4)) ?? [];
  return entries.map(({ value }) => Number(value));
}

describe.skipIf(!IS_ROOT)('upgrades under load', () => {
  it('count every event exactly once', async () => {
    const sandbox = createSandbox();
    const packed = await packServices([
      { version: '1.0.0', variants: { one: counter(0) }, events: {} },
      { version: '1.1.0', variants: { one: counter(1) }, events: {} },
    ]);
    const node = await sandbox.openNode();
    const installed = await node.install(packed.unsigned('1.0.0'));
    expect(installed.programs).toMatchObject([{ switching: { way: 'stub' } }, { switching: { way: 'stub' } }]);
    const generator = await generateCalls();
    for (let i = 1; i <= UPGRADES; i++) {
      const { programs } = await node.upgrade({ ...packed.unsigned(i % 2 ? '1.1.0' : '1.0.0'), service: SERVICE });
      expect(programs).toMatchObject([{ switched: 'stub' }, { switched: 'stub' }]);
    }
    await node.rollback({ service: SERVICE });
    const made = await generator.stop();
    const [rawOld = 0, rawNew = 0, tracedOld = 0, tracedNew = 0] = await countsOf(node);
    expect({ raw: rawOld + rawNew, traced: tracedOld + tracedNew }).toEqual({ raw: made, traced: made });
    // Both generations have had their share, and both programs were switched at one moment.
    expect(rawOld).toBeGreaterThan(0);
    expect(rawNew).toBeGreaterThan(0);
  }, 120_000);
});
