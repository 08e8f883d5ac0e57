import { Command } from 'commander';
import type { ShimNode } from '@bpfship/runtime-shim';
import type { CommandContext, GetContext } from '../context.ts';
import { addExamples } from '../options/examples.ts';
import { seconds, wholeNumber } from '../options/numbers.ts';
import { addNodeOptions, checkServiceName, type NodeOptionValues, openLocalNode } from '../options/node-options.ts';
import { formatEvent } from '../terminal/format-event.ts';

/** When to stop following. */
export interface FollowOptions {
  /** Seconds. */
  duration?: number;
  /** Events. */
  count?: number;
}

/** `bpfship logs SERVICE` */
export function createLogsCommand(getContext: GetContext): Command {
  const command = new Command('logs')
    .summary('show the events of an installed service')
    .description('Shows events as they happen, decoded by BTF. With --format json each event is one line of JSON.')
    .argument('<service>', 'the installed service')
    .option('--duration <seconds>', 'end after this time', seconds)
    .option('--count <number>', 'end after this many events', wholeNumber(1));
  addExamples(addNodeOptions(command), [
    ['Follow until Ctrl-C', 'bpfship logs exec-watch'],
    ['Ten events, as JSON lines', 'bpfship logs exec-watch --count 10 --format json'],
    ['Pick a field', 'bpfship logs exec-watch --format json | jq -r .event.filename'],
  ]);
  return command.action(async (name: string, values: NodeOptionValues & FollowOptions) => {
    const context = getContext();
    const service = checkServiceName(name);
    await using node = await openLocalNode(values, context);
    await followEvents(node, service, values, context);
  });
}

const LOST_BY = {
  kernel: 'they came faster than they were read',
  subscriber: 'they came faster than they were shown',
} as const;

/** Prints events until the signal, the time or the count ends it. Lost events are told, never silent. */
export async function followEvents(
  node: ShimNode,
  service: string,
  { duration, count }: FollowOptions,
  { printer, signal }: CommandContext,
): Promise<void> {
  const ended = duration === undefined ? signal : AbortSignal.any([signal, AbortSignal.timeout(duration * 1000)]);
  let shown = 0;
  for await (const item of node.events(service, { signal: ended })) {
    // A batch that came before the end is not shown to its end.
    if (ended.aborted) return;
    if (item.lost > 0)
      printer.warn(`${item.lost} events of ${item.stream} were lost: ${LOST_BY[item.lostBy ?? 'kernel']}`);
    if (item.misfit) printer.warn(`an event of ${item.stream} cannot be decoded: ${item.misfit.reason}`);
    if (item.event === undefined) continue;
    await printer.item({ text: formatEvent(item.event), data: { service, stream: item.stream, event: item.event } });
    shown += 1;
    if (count !== undefined && shown >= count) return;
  }
}
