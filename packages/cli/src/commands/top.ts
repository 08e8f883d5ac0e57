import { setTimeout as sleep } from 'node:timers/promises';
import { Command, Option } from 'commander';
import { TopSampler, type TopSample } from '@bpfship/runtime-shim';
import type { CommandContext, GetContext } from '../context.ts';
import { addExamples } from '../options/examples.ts';
import { seconds, wholeNumber } from '../options/numbers.ts';
import { addNodeOptions, type NodeOptionValues, openLocalNode } from '../options/node-options.ts';
import { LiveScreen } from '../terminal/live-screen.ts';
import { isInteractive } from '../terminal/streams.ts';
import { SORT_KEYS, type SortOrder, topLines } from '../terminal/top-table.ts';

interface TopValues extends NodeOptionValues {
  interval: number;
  count?: number;
  once?: boolean;
  sort: SortOrder;
  output?: 'json';
}

/** `bpfship top` */
export function createTopCommand(getContext: GetContext): Command {
  const orders = Object.values(SORT_KEYS);
  const command = new Command('top')
    .summary('watch what services and their programs do')
    .description(
      'Shows runs, time, CPU and memory of programs, and the events of services that somebody reads, again and again. The kernel counts runs meanwhile. Keys: q quits; c, r, t, m, e and n sort.',
    )
    .option('--interval <seconds>', 'time between two samples', seconds, 2)
    .option('--count <number>', 'end after this many samples', wholeNumber(1))
    .option('--once', 'one sample, the same as --count 1')
    .addOption(new Option('--sort <order>', 'what stands first').choices(orders).default('cpu'))
    .addOption(new Option('-o, --output <form>', 'a line of JSON for each sample').choices(['json']));
  addExamples(addNodeOptions(command), [
    ['Watch', 'bpfship top'],
    ['Once, over five seconds', 'bpfship top --once --interval 5'],
    ['As JSON lines', 'bpfship top -o json --interval 10'],
  ]);
  return command.action(async (values: TopValues) => {
    const context = getContext();
    await using node = await openLocalNode(values, context);
    await using _counting = await node.countRuns();
    await using sampler = new TopSampler(node);
    await watch(sampler, values, context);
  });
}

async function watch(sampler: TopSampler, values: TopValues, context: CommandContext): Promise<void> {
  const { streams, options } = context;
  const count = values.once ? 1 : (values.count ?? Infinity);
  const isJson = values.output === 'json' || options.format === 'json';
  const isLive = !isJson && count === Infinity && streams.stdout.isTTY === true && isInteractive(streams, !options.tty);
  if (isLive) await showLive(sampler, values, context);
  else await printSamples(sampler, { ...values, count, isJson }, context);
}

async function printSamples(
  sampler: TopSampler,
  { interval, sort, count, isJson }: TopValues & { count: number; isJson: boolean },
  { printer, signal, options }: CommandContext,
): Promise<void> {
  await sampler.begin();
  for (let taken = 0; taken < count; taken++) {
    await sleep(interval * 1000, undefined, { signal });
    const sample = await sampler.sample();
    if (isJson) await printer.lines(`${JSON.stringify(sample)}\n`);
    else if (!options.quiet) await printer.lines(`${[...topLines(sample, { sort }), ''].join('\n')}\n`);
  }
}

/** Redraws when there is a new sample, when a key sorts anew, and when the window changes. */
async function showLive(
  sampler: TopSampler,
  { interval, sort: first }: TopValues,
  { streams, signal }: CommandContext,
): Promise<void> {
  const quit = new AbortController();
  const ended = AbortSignal.any([signal, quit.signal]);
  let sort = first;
  let sample: TopSample | undefined;
  const draw = (): void => {
    const head = 'bpfship top';
    screen.draw(
      sample ? topLines(sample, { sort, colour: true, title: head }) : [`${head}: looking for ${interval} s …`],
    );
  };
  using screen = new LiveScreen(streams, (key) => {
    // A terminal in raw mode makes no signal of Ctrl-C.
    if (key === 'q' || key === '\u0003') quit.abort();
    sort = SORT_KEYS[key] ?? sort;
    draw();
  });
  streams.stdout.on('resize', draw);
  try {
    draw();
    await sampler.begin();
    for (;;) {
      await sleep(interval * 1000, undefined, { signal: ended });
      sample = await sampler.sample();
      draw();
    }
  } catch (error) {
    if (!quit.signal.aborted) throw error;
  } finally {
    streams.stdout.off('resize', draw);
  }
}
