import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { AttachTarget } from '../../src/index.ts';
import { createSandbox, IS_ROOT } from '../support/sandbox.ts';
import { packServices } from '../support/test-service.ts';
import { waitFor } from '../support/wait-for.ts';

const SERVICE = 'test-service';
/** Calls a function of its own 1,000 times. */
const CALLER = `
__attribute__((noinline)) void called(void) { __asm__ volatile(""); }
int main(void) { for (int i = 0; i < 1000; i++) called(); return 0; }
`;

const counter = (section: string): string => `
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); } hits SEC(".maps");
SEC("${section}") int hit(void *ctx)
{
	__u32 zero = 0;
	__u64 *number = bpf_map_lookup_elem(&hits, &zero);
	if (number)
		__sync_fetch_and_add(number, 1);
	return ${section === 'netfilter' || section === 'perf_event' ? 1 : 0};
}`;

/** Hooks that this kernel has at hand; `hits`: how many runs the caller makes, where that is known. */
const HOOKS: readonly {
  name: string;
  section: (binary: string) => string;
  target: (binary: string) => AttachTarget;
  hits?: number;
}[] = [
  { name: 'netfilter', section: () => 'netfilter', target: () => ({ netfilterHook: 'output' }) },
  { name: 'a perf event', section: () => 'perf_event', target: () => ({ sampleFrequency: 500 }) },
  { name: 'a BTF tracepoint', section: () => 'tp_btf/sched_process_exec', target: () => ({}) },
  {
    name: 'a function of a binary',
    section: () => 'uprobe',
    target: (binaryPath) => ({ binaryPath, symbol: 'called' }),
    hits: 1000,
  },
  {
    name: 'a function that the section names',
    section: (binary) => `uprobe/${binary}:called`,
    target: () => ({}),
    hits: 1000,
  },
  {
    name: 'functions of a binary',
    section: (binary) => `uprobe.multi/${binary}:called`,
    target: () => ({}),
    hits: 1000,
  },
];

describe.skipIf(!IS_ROOT)('programs at', () => {
  it.each(HOOKS)('$name are switched by a stub', async ({ section, target, hits }) => {
    const sandbox = createSandbox();
    const binary = join(sandbox.folder, 'caller');
    writeFileSync(`${binary}.c`, CALLER);
    execFileSync('cc', ['-O1', '-o', binary, `${binary}.c`]);
    const variants = { one: counter(section(binary)) };
    const packed = await packServices([{ version: '1.0.0', variants, events: {} }]);
    const node = await sandbox.openNode();
    const attach = { hit: target(binary) };
    const { programs } = await node.install({ ...packed.unsigned('1.0.0'), attach });
    expect(programs).toMatchObject([{ switching: { way: 'stub' } }]);
    const count = async (): Promise<number> => Number((await node.dumpMap(SERVICE, 'hits', 1))?.[0]?.['value']);
    const stir = async (): Promise<void> => {
      const before = await count();
      const datagram = "const s=require('dgram').createSocket('udp4');s.send('x',9,'127.0.0.1',()=>s.close())";
      execFileSync(process.execPath, ['-e', datagram]);
      execFileSync(binary);
      await waitFor(async () => (await count()) > before || undefined);
      if (hits !== undefined) expect(await count()).toBe(before + hits);
    };
    await stir();
    const upgraded = await node.upgrade({ ...packed.unsigned('1.0.0'), service: SERVICE });
    expect(upgraded.programs).toMatchObject([{ switched: 'stub' }]);
    await stir();
    await node.uninstall({ service: SERVICE });
    expect(sandbox.pins()).toEqual([]);
  });
});
