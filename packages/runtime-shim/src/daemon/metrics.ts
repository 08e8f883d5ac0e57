import type { ReconcileReport } from '../desired/report.ts';
import type { ShimNode } from '../node/shim-node.ts';
import { chooseExposition, EXPOSITION_TYPES, renderMetrics } from '../observe/metrics/exposition.ts';
import type { MetricFamily } from '../observe/metrics/metric-family.ts';

/** What the daemon counts of itself and its services. */
export interface MetricsInput {
  node: ShimNode;
  version: string;
  started: Date;
  report: ReconcileReport | undefined;
  /** The formats that the scraper takes: its `Accept` header. */
  accept: string | undefined;
}

/** Metrics of the daemon and of all services, in the text format that the scraper asks for. */
export async function answerMetrics(input: MetricsInput): Promise<{ type: string; text: string }> {
  const format = chooseExposition(input.accept);
  const families = [...(await daemonMetrics(input)), ...(await input.node.metrics())];
  return { type: EXPOSITION_TYPES[format], text: renderMetrics(families, format) };
}

async function daemonMetrics({ node, version, started, report }: MetricsInput): Promise<MetricFamily[]> {
  const services = await node.list();
  const outcomes = Map.groupBy(report?.services ?? [], ({ outcome }) => outcome);
  return [
    { name: 'bpfship_shim', type: 'info', series: [{ labels: { version } }] },
    {
      name: 'bpfship_shim_start_time_seconds',
      type: 'gauge',
      unit: 'seconds',
      series: [{ labels: {}, value: started.getTime() / 1000 }],
    },
    {
      name: 'bpfship_shim_resident_memory_bytes',
      type: 'gauge',
      unit: 'bytes',
      series: [{ labels: {}, value: process.memoryUsage.rss() }],
    },
    {
      name: 'bpfship_service_attached',
      type: 'gauge',
      help: 'Whether every program of the service is attached',
      series: services.map(({ name, version: running, variant, state }) => ({
        labels: { service: name, version: running, variant },
        value: state === 'attached' ? 1 : 0,
      })),
    },
    {
      name: 'bpfship_reconcile_services',
      type: 'gauge',
      help: 'Services by what came of the last reconciliation',
      series: [...outcomes].map(([outcome, all]) => ({ labels: { outcome }, value: all.length })),
    },
  ];
}
