import { Command } from 'commander';
import { readIterators } from '@bpfship/runtime-shim';
import type { GetContext } from '../context.ts';
import { addExamples } from '../options/examples.ts';
import { addNodeOptions, checkServiceName, type NodeOptionValues, openLocalNode } from '../options/node-options.ts';
import { sanitizeLine } from '../terminal/sanitize.ts';

/** `bpfship iterate SERVICE [PROGRAM]` */
export function createIterateCommand(getContext: GetContext): Command {
  const command = new Command('iterate')
    .summary('run the iterators of a service and print what they write')
    .description(
      'Runs programs of sections SEC("iter/…") once each, over all tasks, sockets, map elements or whatever they are for. Up to 16 MB of each are printed.',
    )
    .argument('<service>', 'the installed service')
    .argument('[program]', 'one iterator');
  addExamples(addNodeOptions(command), [
    ['All iterators', 'bpfship iterate task-list'],
    ['One of them', 'bpfship iterate task-list dump_task'],
    ['As JSON, the lines of each', 'bpfship iterate task-list --format json'],
  ]);
  return command.action(async (name: string, program: string | undefined, values: NodeOptionValues) => {
    const context = getContext();
    await using node = await openLocalNode(values, context);
    const outputs = await readIterators(await node.status(checkServiceName(name)), program);
    const shown = outputs.map(({ key, bytes, truncated }) => ({
      program: key,
      lines: Buffer.from(bytes).toString('utf8').split('\n').map(sanitizeLine),
      truncated,
    }));
    const text = shown.map(({ lines }) => lines.join('\n').trimEnd()).join('\n');
    context.printer.result({ text, data: shown, brief: text });
  });
}
