import { hostname } from 'node:os';
import { Command, Option } from 'commander';
import { encodeOtlp, type ExpositionFormat, pushOtlp, renderMetrics, type ShimNode } from '@bpfship/runtime-shim';
import type { GetContext } from '../context.ts';
import { addExamples } from '../options/examples.ts';
import { seconds } from '../options/numbers.ts';
import { addNodeOptions, checkServiceName, type NodeOptionValues, openLocalNode } from '../options/node-options.ts';
import { setTimeout as sleep } from 'node:timers/promises';

interface MetricsValues extends NodeOptionValues {
  output?: ExpositionFormat | 'otlp';
  count?: number;
  push?: string;
}

/** `bpfship metrics [SERVICE]` */
export function createMetricsCommand(getContext: GetContext): Command {
  const command = new Command('metrics')
    .summary('show or push the metrics of services')
    .description(
      'Shows what installed services measure: their declared maps, and of each program its runs, time, misses and memory. The kernel counts runs and time only while somebody lets it, as --for does, "bpfship top", or sysctl kernel.bpf_stats_enabled=1.',
    )
    .argument('[service]', 'one service; default: all')
    .addOption(
      new Option('-o, --output <form>', 'text format, or the JSON of OTLP (default: openmetrics)').choices([
        'openmetrics',
        'prometheus',
        'otlp',
      ]),
    )
    .option('--for <seconds>', 'let the kernel count runs for so long before', seconds)
    .option('--push <url>', 'push them once to an OTLP/HTTP collector instead');
  addExamples(addNodeOptions(command), [
    ['For Prometheus', 'bpfship metrics'],
    ['Of one service, with the runs of five seconds', 'bpfship metrics exec-watch --for 5'],
    ['To a collector', 'bpfship metrics --push http://localhost:4318/v1/metrics'],
  ]);
  return command.action(async (name: string | undefined, values: MetricsValues & { for?: number }) => {
    const { printer, options, signal } = getContext();
    const service = name === undefined ? undefined : checkServiceName(name);
    await using node = await openLocalNode(values, getContext());
    const start = wallNanoseconds();
    await countFor(node, values.for, signal);
    const families = await node.metrics(service === undefined ? {} : { service });
    const otlp = encodeOtlp(families, {
      start,
      now: wallNanoseconds(),
      resource: { 'service.name': 'bpfship', 'host.name': hostname() },
    });
    if (values.push !== undefined) {
      await pushOtlp(values.push, otlp, { signal });
      printer.status(`Pushed ${families.length} metrics to ${values.push}`);
      return;
    }
    const form = values.output ?? (options.format === 'json' ? 'otlp' : 'openmetrics');
    if (form === 'otlp') printer.result({ text: JSON.stringify(otlp), data: otlp, brief: '' });
    else await printer.lines(renderMetrics(families, form));
  });
}

async function countFor(node: ShimNode, duration: number | undefined, signal: AbortSignal): Promise<void> {
  if (duration === undefined) return;
  await using _counting = await node.countRuns();
  await sleep(duration * 1000, undefined, { signal });
}

function wallNanoseconds(): bigint {
  return BigInt(Date.now()) * 1_000_000n;
}
