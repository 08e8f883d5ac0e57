import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BtfIndex } from '@bpfship/media-types';
import { describe, expect, it } from 'vitest';
import { buildProject, deriveIndex, DevkitError, readProject } from '../../src/index.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const SOURCE = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
struct event { __u64 when; struct { __u32 from; } ends; };
struct key { __u32 reason; char name[8]; };
struct hist { __u32 slots[16]; __u64 total; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } events SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 8); __type(key, struct key); __type(value, struct hist); } latency SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct event); } scratch SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __uint(key_size, 4); __uint(value_size, 8); } untyped SEC(".maps");
SEC("raw_tp/sched_process_exec") int watch(void *ctx) { return 0; }
`;

async function describeWith(declarations: string): Promise<BtfIndex> {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'demo.bpf.c'), SOURCE);
  const variants = 'variants:\n  - name: demo\n    sources: [demo.bpf.c]\n    architectures: [amd64]\n';
  writeFileSync(join(folder, 'ebpf-service.yaml'), `name: demo\nversion: 1.0.0\n${declarations}\n${variants}`);
  const project = await readProject(folder);
  return deriveIndex(project, await buildProject(project), [`sha256:${'0'.repeat(64)}`]);
}

async function failureOf(declarations: string): Promise<string> {
  const error: unknown = await describeWith(declarations).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(DevkitError);
  return (error as DevkitError).message;
}

const event = (fields: string): string => `events:\n  - { map: events, type: event, fields: { ${fields} } }`;
const metric = (members: string): string => `metrics:\n  - { name: m, map: latency, ${members} }`;

describe('what a service offers to read', () => {
  it('stands in the index as the project file says it', async () => {
    const { events, metrics } = await describeWith(
      [
        event('when: monotonic, ends.from: ipv4'),
        metric('type: histogram, value: slots, sum: total, labels: { reason: reason, key: "" }'),
      ].join('\n'),
    );
    expect(events).toEqual([
      {
        map: 'events',
        type: 'event',
        fields: [
          { name: 'when', format: 'monotonic' },
          { name: 'ends.from', format: 'ipv4' },
        ],
      },
    ]);
    expect(metrics).toEqual([
      {
        name: 'm',
        map: 'latency',
        type: 'histogram',
        value: 'slots',
        sum: 'total',
        labels: [{ name: 'reason', field: 'reason' }, { name: 'key' }],
      },
    ]);
  });

  it.each([
    ['a format that does not fit', event('ends.from: mac'), 'ends.from (__u32) as mac'],
    ['a field that is not there', event('where: ipv4'), 'struct event.where'],
    ['a format that nobody knows', event('when: swatch'), 'fields.when'],
    ['a map that is not there', metric('type: counter').replace('latency', 'other'), 'has no map "other"'],
    [
      'a map without types',
      metric('type: counter').replace('latency', 'untyped'),
      'does not say the types of the map "untyped"',
    ],
    ['a value that is no number', metric('type: counter'), 'has in the value of map "latency" no number'],
    ['slots of a counter', metric('type: counter, value: slots'), 'no number "slots"'],
    ['a sum that is not there', metric('type: histogram, value: slots, sum: all'), 'no number "all"'],
    [
      'a label that is not there',
      metric('type: histogram, value: slots, labels: { a: b }'),
      'has in the key of map "latency" no field "b"',
    ],
  ])('%s is refused', async (_, declarations, message) => {
    expect(await failureOf(declarations)).toContain(message);
  });
});
