import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decide, parseKernelFacts } from '@bpfship/portability';
import type { BtfIndex } from '@bpfship/media-types';
import { describe, expect, it } from 'vitest';
import { buildProject, deriveIndex, DevkitError, readProject } from '../../src/index.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const HEAD = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
`;
const SOURCE = `${HEAD}
enum level { LOW, HIGH = 7 };
const volatile __u32 count = 0;
const volatile _Bool loud = 1;
const volatile char prefix[8] = "abc";
const volatile __s64 shift = -5;
const volatile unsigned long long limit = ~0ull;
const volatile enum level level = HIGH;
const volatile struct { int a; } pair = { 1 };
const __u32 fixed = 4;
static long again(__u32 index, void *data) { return 0; }
SEC("raw_tp/sched_process_exec") int watch(void *ctx)
{
  if (count) bpf_loop(count, again, 0, 0);
  return loud + prefix[0] + shift + limit + level + pair.a + *(const volatile __u32 *)&fixed;
}
`;

async function describeWith(parameters: string, source: string = SOURCE): Promise<BtfIndex> {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'demo.bpf.c'), source);
  const variants = 'variants:\n  - name: demo\n    sources: [demo.bpf.c]\n    architectures: [amd64]\n';
  writeFileSync(
    join(folder, 'ebpf-service.yaml'),
    `name: demo\nversion: 1.0.0\nparameters:\n${parameters}\n${variants}`,
  );
  const project = await readProject(folder);
  return deriveIndex(project, await buildProject(project), [`sha256:${'0'.repeat(64)}`]);
}

async function failureOf(parameters: string, source?: string): Promise<string> {
  const error: unknown = await describeWith(parameters, source).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(DevkitError);
  return (error as DevkitError).message;
}

describe('load parameters', () => {
  it('have the type and the value of the variable', async () => {
    const names = ['count', 'loud', 'prefix', 'shift', 'limit', 'level'];
    const { parameters } = await describeWith(names.map((name) => `  - name: ${name}`).join('\n'));
    expect(parameters).toEqual([
      { name: 'count', type: 'u32', default: 0 },
      { name: 'loud', type: 'bool', default: true },
      { name: 'prefix', type: 'text', size: 8, default: 'abc' },
      { name: 'shift', type: 's64', default: -5 },
      { name: 'limit', type: 'u64', default: '18446744073709551615' },
      { name: 'level', type: 'u32', default: 7 },
    ]);
  });

  it('decide about what the program needs, from the index alone', async () => {
    const index = await describeWith('  - { name: count, description: How often, default: 0 }');
    expect(index.parameters).toEqual([{ name: 'count', type: 'u32', default: 0, description: 'How often' }]);
    const facts = parseKernelFacts({
      schemaVersion: 1,
      mediaType: 'application/vnd.ebpf.kernel-facts.v1+json',
      release: '5.10.0',
      architecture: 'amd64',
      byteOrder: 'little',
      btf: { available: true },
      programTypes: {},
      mapTypes: {},
      helpers: { raw_tracepoint: { bpf_loop: false } },
      features: {},
      hooks: {},
      privileges: { load: true },
    });
    const codes = (parameters: Record<string, number>): string[] =>
      decide({ index, facts, parameters })
        .verdicts.flatMap(({ findings }) => findings.map(({ code }) => code))
        .filter((code) => code === 'helper-missing');
    expect(codes({})).toEqual([]);
    expect(codes({ count: 3 })).toEqual(['helper-missing']);
  });

  it('are refused where the object says otherwise', async () => {
    expect(await failureOf('  - name: counts')).toContain('no read-only variable "counts"');
    expect(await failureOf('  - name: fixed')).toContain('"fixed" that is not volatile');
    expect(await failureOf('  - name: pair')).toContain('"pair" of a type that no parameter has');
    expect(await failureOf('  - { name: count, default: 3 }')).toContain('has 0 in "count", and "parameters" says 3');
  });
});
