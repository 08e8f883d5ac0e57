import type { Kernel, ProgramStats } from '../../kernel/kernel.ts';
import type { Generation } from '../../node/state-schema.ts';
import type { StreamStatistics } from '../events/event-hub.ts';
import type { InstalledVariant } from '../events/stream-sources.ts';
import { readMaps, type ServiceMap } from '../maps/read-maps.ts';
import { declaredMetric, MAX_SERIES } from './declared-metrics.ts';
import type { MetricFamily } from './metric-family.ts';

const NANOSECONDS = 1e9;
/** Entries of a map that metrics read at most: several may be one series. */
const MAX_ENTRIES: number = 10 * MAX_SERIES;

/** A service as metrics see it. */
export interface MeasuredService {
  installed: InstalledVariant;
  generation: Generation;
  /** Where somebody in this process reads its events. */
  streams: readonly StreamStatistics[];
}

/** A program of a service, and what the kernel counts of it. */
export interface MeasuredProgram extends ProgramStats {
  service: string;
  program: string;
  hook: string;
}

/** The programs of a service that are in the kernel. */
export async function measurePrograms(
  kernel: Kernel,
  { installed: { pins, index }, generation }: Pick<MeasuredService, 'installed' | 'generation'>,
): Promise<MeasuredProgram[]> {
  const attachments = Map.groupBy(generation.programs, ({ name }) => name);
  const measured: MeasuredProgram[] = [];
  for (const [name, own] of attachments) {
    const stats = await kernel.programStats(pins.program(generation.id, name));
    if (!stats) continue;
    const stubs = own.filter(({ switching }) => switching?.way === 'stub').map(({ key }) => pins.stubProgram(key));
    const hook = own.map((each) => each.hook).join(', ');
    measured.push({ ...(await withStubs(kernel, stats, stubs)), service: index.name, program: name, hook });
  }
  return measured;
}

/** The kernel counts a program that is gone on in as a part of the stub at the hook, which stays over upgrades: so do its numbers. */
async function withStubs(kernel: Kernel, own: ProgramStats, pins: readonly string[]): Promise<ProgramStats> {
  const sum = { ...own };
  for (const pin of pins) {
    const stub = await kernel.programStats(pin);
    if (!stub) continue;
    sum.runs += stub.runs;
    sum.nanoseconds += stub.nanoseconds;
    sum.missed += stub.missed;
    sum.memory += stub.memory;
  }
  return sum;
}

/** All metrics of a service: what it is, its programs, its event streams, and the maps that it declares. */
export async function serviceMetrics(kernel: Kernel, measured: MeasuredService): Promise<MetricFamily[]> {
  const programs = await measurePrograms(kernel, measured);
  return [
    serviceInfo(measured),
    ...programFamilies(programs),
    ...streamFamilies(measured.installed.index.name, measured.streams),
    ...(await declaredFamilies(kernel, measured.installed)),
  ];
}

function serviceInfo({
  installed: { index },
  generation: { version, variant, id, manifest },
}: MeasuredService): MetricFamily {
  const labels = { service: index.name, version, variant, generation: String(id), digest: manifest.digest };
  return { name: 'bpfship_service', type: 'info', help: 'What runs', series: [{ labels }] };
}

function programFamilies(programs: readonly MeasuredProgram[]): MetricFamily[] {
  const family = (
    about: Pick<MetricFamily, 'name' | 'type' | 'help' | 'unit'>,
    value: (program: MeasuredProgram) => number | bigint,
  ): MetricFamily => ({
    ...about,
    series: programs.map((each) => ({
      labels: { service: each.service, program: each.program },
      value: value(each),
    })),
  });
  return [
    family(
      { name: 'bpfship_program_runs', type: 'counter', help: 'Runs while the kernel was told to count' },
      ({ runs }) => runs,
    ),
    family(
      {
        name: 'bpfship_program_run_seconds',
        type: 'counter',
        unit: 'seconds',
        help: 'Time of the runs that were counted',
      },
      ({ nanoseconds }) => Number(nanoseconds) / NANOSECONDS,
    ),
    family(
      {
        name: 'bpfship_program_missed_runs',
        type: 'counter',
        help: 'Runs that were left out since the program was running already on that CPU',
      },
      ({ missed }) => missed,
    ),
    family(
      {
        name: 'bpfship_program_memory_bytes',
        type: 'gauge',
        unit: 'bytes',
        help: 'Memory of the program in the kernel',
      },
      ({ memory }) => memory,
    ),
    family(
      {
        name: 'bpfship_program_verified_instructions',
        type: 'gauge',
        help: 'Instructions that the verifier went through; 0 before Linux 5.16',
      },
      ({ verified }) => verified,
    ),
  ];
}

function streamFamilies(service: string, streams: readonly StreamStatistics[]): MetricFamily[] {
  const family = (
    about: Pick<MetricFamily, 'name' | 'type' | 'help' | 'unit'>,
    value: (stream: StreamStatistics) => number,
  ): MetricFamily => ({
    ...about,
    series: streams.map((each) => ({ labels: { service, stream: each.stream }, value: value(each) })),
  });
  if (streams.length === 0) return [];
  return [
    family({ name: 'bpfship_events', type: 'counter', help: 'Events that were read' }, ({ events }) => events),
    family(
      { name: 'bpfship_events_lost', type: 'counter', help: 'Events that are known to be lost' },
      ({ lost }) => lost,
    ),
    family(
      {
        name: 'bpfship_event_buffer_full',
        type: 'counter',
        help: 'Times that a ring buffer was found full, so that events may have been lost that nobody counts',
      },
      ({ full }) => full,
    ),
    family(
      { name: 'bpfship_event_backlog_bytes', type: 'gauge', unit: 'bytes', help: 'Bytes that wait in the buffer' },
      ({ backlog }) => backlog,
    ),
    family(
      { name: 'bpfship_event_buffer_size_bytes', type: 'gauge', unit: 'bytes', help: 'Bytes that fit into the buffer' },
      ({ size }) => size,
    ),
  ];
}

async function declaredFamilies(kernel: Kernel, installed: InstalledVariant): Promise<MetricFamily[]> {
  const { index, variant } = installed;
  const metrics = (index.metrics ?? []).filter(({ map }) => variant.maps.some(({ name }) => name === map));
  const read = new Map<string, ServiceMap>();
  const families: MetricFamily[] = [];
  const left: MetricFamily['series'] = [];
  for (const metric of metrics) {
    if (!read.has(metric.map)) {
      const [map] = await readMaps(kernel, installed, { map: metric.map, limit: MAX_ENTRIES });
      if (map) read.set(metric.map, map);
    }
    const map = read.get(metric.map);
    if (!map) continue;
    const declared = declaredMetric(index.name, metric, map);
    families.push(declared.family);
    if (declared.left > 0) left.push({ labels: { service: index.name, metric: metric.name }, value: declared.left });
  }
  if (left.length > 0) {
    const help = `Series that are not exported: a metric has ${MAX_SERIES} at most`;
    families.push({ name: 'bpfship_series_left_out', type: 'gauge', help, series: left });
  }
  return families;
}
