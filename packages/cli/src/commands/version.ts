import { Command } from 'commander';
import type { GetContext } from '../context.ts';
import { addExamples } from '../options/examples.ts';
import { version } from '../version.ts';

/** `bpfship version` */
export function createVersionCommand(getContext: GetContext): Command {
  const command = new Command('version')
    .summary('print the version')
    .description('Prints the version of bpfship, of the standard it implements, and of Node.');
  addExamples(command, [
    ['For people', 'bpfship version'],
    ['For scripts', 'bpfship version --format json'],
    ['Only the number', 'bpfship version -q'],
  ]);
  return command.action(() => {
    const data = {
      version,
      standard: '0.1',
      node: process.versions.node,
      platform: `${process.platform}/${process.arch}`,
    };
    getContext().printer.result({
      text: `bpfship ${version}\nStandard: ${data.standard}\nNode: ${data.node} (${data.platform})`,
      data,
      brief: version,
    });
  });
}
