import { Command, Option } from 'commander';
import { requireStreams, type ShimNode } from '@bpfship/runtime-shim';
import type { CommandContext, GetContext } from '../context.ts';
import { addExamples } from '../options/examples.ts';
import { seconds, wholeNumber } from '../options/numbers.ts';
import { addNodeOptions, checkServiceName, type NodeOptionValues, openLocalNode } from '../options/node-options.ts';
import { createEventPrinter, type EventOutput } from '../terminal/event-printer.ts';

/** When to stop following, and what is shown how. */
export interface FollowOptions {
  /** Seconds. */
  duration?: number;
  /** Events. */
  count?: number;
  /** Default: what the program's format says. */
  output?: EventOutput;
  /** Paths of fields. */
  columns?: readonly string[];
  /** Names of event streams. */
  stream?: readonly string[];
}

/** `bpfship logs SERVICE` */
export function createLogsCommand(getContext: GetContext): Command {
  const command = new Command('logs')
    .summary('show the events of an installed service')
    .description(
      'Shows events as they happen, decoded by BTF, as lines, JSON or columns. Several may watch one service: each sees all events.',
    )
    .argument('<service>', 'the installed service')
    .option('--duration <seconds>', 'end after this time', seconds)
    .option('--count <number>', 'end after this many events', wholeNumber(1))
    .addOption(new Option('-o, --output <form>', 'form of the events').choices(['line', 'json', 'columns']))
    .option('--columns <fields>', 'only these fields, e.g. pid,comm; as columns where -o does not say otherwise', names)
    .option('--stream <names>', 'only events of these streams', names);
  addExamples(addNodeOptions(command), [
    ['Follow until Ctrl-C', 'bpfship logs exec-watch'],
    ['Some fields, as columns', 'bpfship logs exec-watch --columns pid,comm,args'],
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

function names(text: string): string[] {
  return text.split(',').filter((name) => name !== '');
}

/** Prints events until the signal, the time or the count ends it. Lost events are told, never silent. */
export async function followEvents(
  node: ShimNode,
  service: string,
  { duration, count = Infinity, output, columns, stream }: FollowOptions,
  context: CommandContext,
): Promise<void> {
  const { options, signal } = context;
  const ended = duration === undefined ? signal : AbortSignal.any([signal, AbortSignal.timeout(duration * 1000)]);
  const form = output ?? (options.format === 'json' ? 'json' : columns === undefined ? 'line' : 'columns');
  const print = createEventPrinter({ service, output: form, ...(columns === undefined ? {} : { columns }) }, context);
  await using opened = await node.openEvents(service);
  requireStreams(service, opened.hub, stream ?? []);
  let shown = 0;
  for await (const batch of opened.hub.subscribe({
    signal: ended,
    ...(stream === undefined ? {} : { streams: stream }),
  })) {
    // A batch that came before the end is not shown to its end.
    if (ended.aborted) return;
    shown += await print(batch, count - shown);
    if (shown >= count) return;
  }
}
