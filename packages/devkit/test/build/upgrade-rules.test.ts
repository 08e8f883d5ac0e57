import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BtfIndex } from '@bpfship/media-types';
import { describe, expect, it } from 'vitest';
import { buildProject, deriveIndex, readProject } from '../../src/index.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const SOURCE = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); } errors SEC(".maps");
SEC("raw_tp/sched_process_exec") int watch(void *ctx)
{
  __u32 zero = 0;
  return bpf_map_lookup_elem(&errors, &zero) != 0;
}
`;

async function indexWith(rules: string): Promise<BtfIndex> {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'demo.bpf.c'), SOURCE);
  const variants = 'variants:\n  - { name: demo, sources: [demo.bpf.c], architectures: [amd64] }\n';
  writeFileSync(join(folder, 'ebpf-service.yaml'), `name: demo\nversion: 1.0.0\n${rules}\n${variants}`);
  const project = await readProject(folder);
  return deriveIndex(project, await buildProject(project), [`sha256:${'0'.repeat(64)}`]);
}

describe('rules of an upgrade', () => {
  it('are declared in the project file and stand in the BTF index', async () => {
    const rules = `
migrations: [{ map: errors, rule: copy-fields }]
health:
  for: 5
  errorCounter: [{ map: errors, key: 0, max: 3 }]
  runTime: [{ program: watch, maxNsPerRun: 2000 }]
  runs: [{ program: watch, min: 1 }]`;
    expect(await indexWith(rules)).toMatchObject({
      migrations: [{ map: 'errors', rule: 'copy-fields' }],
      health: {
        for: 5,
        errorCounter: [{ map: 'errors', key: 0, max: 3 }],
        runTime: [{ program: 'watch', maxNsPerRun: 2000 }],
        runs: [{ program: 'watch', min: 1 }],
      },
    });
  });

  it.each([
    ['migrations: [{ map: other, rule: drop }]', /no variant has a map "other", which "migrations" names/],
    ['health: { eventsFlow: [{ map: other, within: 1 }] }', /no variant has a map "other", which "health" names/],
    ['health: { runs: [{ program: other, min: 1 }] }', /no variant has a program "other"/],
    ['migrations: [{ map: errors, rule: guess }]', /migrations\[0\].rule/],
    ['health: { runs: [{ program: watch, mim: 1 }] }', /health.runs\[0\].min is missing/],
    ['health: { for: 0 }', /health.for/],
  ])('that make no sense are refused: %s', async (rules, message) => {
    await expect(indexWith(rules)).rejects.toThrow(message);
  });
});
