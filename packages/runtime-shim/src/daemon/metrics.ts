import type { ReconcileReport } from '../desired/report.ts';
import type { ShimNode } from '../node/shim-node.ts';

/** What the daemon counts of itself and its services. */
export interface MetricsInput {
  node: ShimNode;
  version: string;
  started: Date;
  report: ReconcileReport | undefined;
}

/** Metrics of the daemon in the text format of Prometheus 0.0.4. */
export async function renderMetrics({
  node,
  version,
  started,
  report,
}: MetricsInput): Promise<{ type: string; text: string }> {
  const services = await node.list();
  const outcomes = new Map<string, number>();
  for (const { outcome } of report?.services ?? []) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  const lines = [
    '# TYPE bpfship_shim_info gauge',
    `bpfship_shim_info{version=${label(version)}} 1`,
    '# TYPE bpfship_shim_start_time_seconds gauge',
    `bpfship_shim_start_time_seconds ${started.getTime() / 1000}`,
    '# TYPE bpfship_shim_resident_memory_bytes gauge',
    `bpfship_shim_resident_memory_bytes ${process.memoryUsage.rss()}`,
    '# HELP bpfship_service_attached Whether every program of the service is attached.',
    '# TYPE bpfship_service_attached gauge',
    ...services.map(
      ({ name, version: running, variant, state }) =>
        `bpfship_service_attached{service=${label(name)},version=${label(running)},variant=${label(variant)}} ${state === 'attached' ? 1 : 0}`,
    ),
    '# HELP bpfship_reconcile_services Services by what came of the last reconciliation.',
    '# TYPE bpfship_reconcile_services gauge',
    ...[...outcomes].map(([outcome, count]) => `bpfship_reconcile_services{outcome=${label(outcome)}} ${count}`),
  ];
  return { type: 'text/plain; version=0.0.4; charset=utf-8', text: `${lines.join('\n')}\n` };
}

function label(value: string): string {
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}
