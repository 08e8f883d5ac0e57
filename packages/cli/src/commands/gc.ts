import { Command } from 'commander';
import type { GetContext } from '../context.ts';
import { addExamples } from '../options/examples.ts';
import { addNodeOptions, type NodeOptionValues, openLocalNode } from '../options/node-options.ts';

/** `bpfship gc` */
export function createGcCommand(getContext: GetContext): Command {
  const command = new Command('gc')
    .summary('remove content from the local store that nothing needs')
    .description(
      'Removes from the local store what no kept generation of any installed service needs. What generations may be rolled back to, and the variants for the other kernels of the node, stay.',
    );
  addExamples(addNodeOptions(command), [
    ['Collect garbage', 'bpfship gc'],
    ['Only the digests that were removed', 'bpfship gc -q'],
    ['What generations there are', 'bpfship status exec-watch'],
  ]);
  return command.action(async (values: NodeOptionValues) => {
    const context = getContext();
    await using node = await openLocalNode(values, context);
    const removed = await node.garbageCollect({ signal: context.signal });
    context.printer.result({
      text: removed.length === 0 ? 'Nothing to remove.' : `Removed ${removed.length} blobs from the local store`,
      data: { removed },
      brief: removed.join('\n'),
    });
  });
}
