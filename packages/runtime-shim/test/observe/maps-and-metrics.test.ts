import { execFileSync } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { drawHistogram } from '../../src/observe/maps/draw-histogram.ts';
import { mapColumns } from '../../src/observe/maps/map-columns.ts';
import { renderMetrics } from '../../src/observe/metrics/exposition.ts';
import { encodeOtlp, pushOtlp } from '../../src/observe/metrics/otlp.ts';
import { familiesByParser } from '../support/parse-metrics.ts';
import { createSandbox, IS_ROOT } from '../support/sandbox.ts';
import { packServices } from '../support/test-service.ts';
import { waitFor } from '../support/wait-for.ts';

const SERVICE = 'test-service';
/** Fills maps of every shape with each system call of programs that are called `measured`. */
const SOURCE = `
struct key { __u32 saddr; __u16 port; };
struct totals { __u64 calls; __u64 nanoseconds; };
struct hist { __u32 slots[8]; __u64 total; };
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 8); __type(key, struct key); __type(value, struct totals); } flows SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct totals); } each_cpu SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 2); __type(key, __u32); __type(value, struct hist); } latency SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 5); __type(key, __u32); __type(value, __u64); } size_hist SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } events SEC(".maps");
const struct key first = { .saddr = 0x0100000a, .port = 80 };
const struct key second = { .saddr = 0x0200000a, .port = 443 };
const struct totals some = { .calls = 3, .nanoseconds = 1500000000 };
const struct hist counted = { .slots = { 1, 0, 5, 10 }, .total = 77 };
SEC("raw_tp/sys_enter") int fill(void *ctx)
{
	char comm[16];
	__u32 zero = 0, one = 1, three = 3;
	__u64 nine = 9, four = 4;
	struct totals *totals = bpf_map_lookup_elem(&each_cpu, &zero);
	bpf_get_current_comm(comm, sizeof(comm));
	if (comm[0] != 'm' || comm[1] != 'e' || comm[2] != 'a' || comm[3] != 's')
		return 0;
	bpf_map_update_elem(&flows, &first, &some, BPF_ANY);
	bpf_map_update_elem(&flows, &second, &some, BPF_ANY);
	bpf_map_update_elem(&latency, &zero, &counted, BPF_ANY);
	bpf_map_update_elem(&size_hist, &one, &nine, BPF_ANY);
	bpf_map_update_elem(&size_hist, &three, &four, BPF_ANY);
	if (totals)
		totals->calls++;
	return 0;
}`;
const METRICS = `metrics:
  - { name: calls_total, type: counter, map: flows, value: calls, description: 'Calls "by" address', labels: { address: saddr } }
  - { name: time, type: counter, map: flows, value: nanoseconds, unit: seconds, divisor: 1000000000 }
  - { name: on_cpus, type: gauge, map: each_cpu, value: calls }
  - { name: latency, type: histogram, map: latency, value: slots, sum: total, labels: { disk: '' } }
  - { name: sizes, type: histogram, map: size_hist, slots: linear, step: 10, unit: bytes }`;

describe.skipIf(!IS_ROOT)('an installed service', () => {
  it('shows its maps, draws its histograms, and measures what it declares', async () => {
    const packed = await packServices([
      { version: '1.0.0', variants: { one: SOURCE }, events: {}, project: [METRICS] },
    ]);
    await using node = await createSandbox().openNode();
    await node.install(packed.unsigned('1.0.0'));
    await using _counting = await node.countRuns();
    // A process may change its own name; that it opens files are system calls.
    execFileSync('sh', ['-c', 'printf measured > /proc/$$/comm; true < /dev/null']);
    const maps = await waitFor(async () => {
      const read = await node.maps(SERVICE);
      return read.find(({ name }) => name === 'flows')?.entries.length === 2 ? read : undefined;
    });
    expect(maps.map(({ name }) => name)).toEqual(['each_cpu', 'flows', 'latency', 'size_hist']);
    const [eachCpu, flows, latency, sizes] = maps;
    expect(mapColumns(flows!.entries)).toEqual({
      names: ['SADDR', 'PORT', 'CALLS', 'NANOSECONDS'],
      right: [false, true, true, true],
      rows: expect.arrayContaining([
        ['10.0.0.1', '80', '3', '1500000000'],
        ['10.0.0.2', '443', '3', '1500000000'],
      ]),
    });
    const [total] = eachCpu!.entries;
    const calls = (total!.cpus as { calls: number }[]).map((each) => each.calls);
    expect(total!.value).toEqual({ calls: calls.reduce((sum, each) => sum + each), nanoseconds: 0 });
    expect(mapColumns(eachCpu!.entries, { cpus: true }).rows).toHaveLength(calls.length);
    expect(drawHistogram(latency!.histograms![0]!)).toEqual([
      '                         : count    distribution',
      '         0 -> 1          : 1        |****                                    |',
      '         2 -> 3          : 0        |                                        |',
      '         4 -> 7          : 5        |********************                    |',
      '         8 -> 15         : 10       |****************************************|',
    ]);
    expect(drawHistogram(sizes!.histograms![0]!)).toEqual([
      '     bytes         : count     distribution',
      '        10         : 9        |****************************************|',
      '        20         : 0        |                                        |',
      '        30         : 4        |*****************                       |',
    ]);
    await expect(node.maps(SERVICE, { map: 'events' })).rejects.toMatchObject({ code: 'ERR_SHIM_NO_MAP' });
    expect(await node.maps(SERVICE, { map: 'flows', limit: 1 })).toMatchObject([{ truncated: true, entries: [{}] }]);

    const text = renderMetrics(await node.metrics({ service: SERVICE }));
    const lines = text.split('\n');
    for (const line of [
      '# HELP test_service_calls Calls \\"by\\" address',
      'test_service_calls_total{service="test-service",address="10.0.0.1"} 3',
      'test_service_calls_total{service="test-service",address="10.0.0.2"} 3',
      '# UNIT test_service_time_seconds seconds',
      'test_service_time_seconds_total{service="test-service"} 3',
      'test_service_latency_bucket{service="test-service",disk="0",le="7"} 6',
      'test_service_latency_bucket{service="test-service",disk="0",le="+Inf"} 16',
      'test_service_latency_sum{service="test-service",disk="0"} 77',
      'test_service_sizes_bytes_bucket{service="test-service",le="20"} 9',
    ]) {
      expect(lines).toContain(line);
    }
    const runs = /^bpfship_program_runs_total\{service="test-service",program="fill"\} (\d+)$/m.exec(text);
    expect(Number(runs?.[1])).toBeGreaterThan(0);
    expect(text).toMatch(/^bpfship_program_memory_bytes\{[^}]*\} [1-9]\d*$/m);
    expect(text).toMatch(/^bpfship_program_verified_instructions\{[^}]*\} [1-9]\d*$/m);
    expect(text).toMatch(/^bpfship_service_info\{service="test-service",version="1.0.0",variant="one"/m);
    expect(familiesByParser(text)).toEqual(
      expect.arrayContaining(['test_service_calls', 'test_service_latency', 'bpfship_program_run_seconds']),
    );
    await node.uninstall({ service: SERVICE });
  });
});

const FAMILIES = [
  {
    name: 'a',
    type: 'counter' as const,
    help: 'x\ny\\"',
    series: [{ labels: { l: 'q"\\\n}' }, value: 2n ** 64n - 1n }],
  },
  { name: 'a', type: 'counter' as const, series: [{ labels: { l: 'other' }, value: 1 }] },
  { name: 'a', type: 'gauge' as const, series: [{ labels: {}, value: 5 }] },
  { name: 'i', type: 'info' as const, series: [{ labels: { version: '1' } }] },
  {
    name: 'h_seconds',
    type: 'histogram' as const,
    unit: 'seconds',
    series: [
      {
        labels: {},
        histogram: {
          buckets: [
            { bound: 0.5, count: 1 },
            { bound: 1, count: 3 },
          ],
          count: 4,
          sum: 2.5,
        },
      },
    ],
  },
  { name: 'without_sum', type: 'histogram' as const, series: [{ labels: {}, histogram: { buckets: [], count: 4 } }] },
];

describe('metrics as text', () => {
  it('keep what the standard says, whatever stands in labels', () => {
    const text = renderMetrics(FAMILIES);
    expect(text).toContain('a_total{l="q\\"\\\\\\n}"} 18446744073709551615\na_total{l="other"} 1\n');
    expect(text.endsWith('\n# EOF\n')).toBe(true);
    expect(familiesByParser(text)).toEqual(['a', 'i', 'h_seconds', 'without_sum']);
  });

  it('are in the older format where a scraper asks for it', () => {
    const text = renderMetrics(FAMILIES, 'prometheus');
    expect(text).toContain('# HELP a_total x\\ny\\\\"\n# TYPE a_total counter\n');
    expect(text).toContain('# TYPE i_info gauge\ni_info{version="1"} 1\n');
    expect(text).not.toContain('# EOF');
    expect(familiesByParser(text, 'prometheus')).toEqual(['a', 'i_info', 'h_seconds', 'without_sum']);
  });
});

describe('metrics by OTLP', () => {
  it('are pushed as JSON, with buckets that do not add up and integers as strings', async () => {
    const bodies: string[] = [];
    let status = 200;
    const server = createServer((request, answer) => {
      let body = '';
      request.on('data', (chunk) => (body += String(chunk)));
      request.on('end', () => {
        bodies.push(body);
        answer.writeHead(status).end('{}');
      });
    });
    onTestFinished(() => void server.close());
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/metrics`;
    const request = encodeOtlp(FAMILIES, { start: 1n, now: 2n ** 62n, resource: { 'host.name': 'h' } });
    await pushOtlp(endpoint, request);
    const [{ resource, scopeMetrics }] = (JSON.parse(bodies[0] ?? '') as { resourceMetrics: [Record<string, never>] })
      .resourceMetrics;
    expect(resource).toEqual({ attributes: [{ key: 'host.name', value: { stringValue: 'h' } }] });
    expect(scopeMetrics).toMatchObject([
      {
        metrics: [
          {
            name: 'a',
            sum: {
              isMonotonic: true,
              aggregationTemporality: 2,
              dataPoints: [{ asInt: '18446744073709551615', timeUnixNano: '4611686018427387904' }],
            },
          },
          {},
          { gauge: {} },
          {},
          {
            name: 'h_seconds',
            unit: 's',
            histogram: {
              dataPoints: [{ count: '4', sum: 2.5, explicitBounds: [0.5, 1], bucketCounts: ['1', '2', '1'] }],
            },
          },
          {},
        ],
      },
    ]);
    status = 503;
    await expect(pushOtlp(endpoint, request)).rejects.toMatchObject({ code: 'ERR_SHIM_METRICS_PUSH' });
    server.close();
    server.closeAllConnections();
    await expect(pushOtlp(endpoint, request)).rejects.toMatchObject({ code: 'ERR_SHIM_METRICS_PUSH' });
  });
});
