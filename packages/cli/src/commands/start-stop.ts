import { Command } from 'commander';
import type { InstallResult } from '@bpfship/runtime-shim';
import { CliError } from '../cli-error.ts';
import type { CommandContext, GetContext } from '../context.ts';
import { addExamples } from '../options/examples.ts';
import {
  addNodeOptions,
  checkServiceName,
  type NodeOptionValues,
  openLocalNode,
  showSteps,
} from '../options/node-options.ts';
import { attachTargets, type TargetOptionValues } from '../options/target-options.ts';

/** `bpfship stop SERVICE` */
export function createStopCommand(getContext: GetContext): Command {
  const command = new Command('stop')
    .summary('detach a service, and keep what it has')
    .description(
      'Detaches the programs of a service from their hooks. Programs and maps stay in the kernel, generations on the node, until it is started.',
    )
    .argument('<service>', 'the installed service');
  addExamples(addNodeOptions(command), [
    ['Stop a service', 'bpfship stop exec-watch'],
    ['And start it again', 'bpfship start exec-watch'],
    ['What runs', 'bpfship ps'],
  ]);
  return command.action(async (name: string, values: NodeOptionValues) => {
    const context = getContext();
    const service = checkServiceName(name);
    await using node = await openLocalNode(values, context);
    await node.stop({ service, signal: context.signal });
    context.printer.result({ text: `Stopped ${service}`, data: { service }, brief: service });
  });
}

/** `bpfship start SERVICE` */
export function createStartCommand(getContext: GetContext): Command {
  const command = new Command('start')
    .summary('attach a stopped service again')
    .description('Attaches the programs of a stopped service again, from the local store and without a network.')
    .argument('<service>', 'the installed service');
  addExamples(addNodeOptions(command), [
    ['Start a service', 'bpfship start exec-watch'],
    ['Where it is attached', 'bpfship status exec-watch'],
    ['Stop it', 'bpfship stop exec-watch'],
  ]);
  return command.action(async (name: string, values: NodeOptionValues) => {
    const context = getContext();
    const service = checkServiceName(name);
    await using node = await openLocalNode(values, context);
    printAttached(
      'Started',
      await node.start({ service, onStep: showSteps(context), signal: context.signal }),
      context,
    );
  });
}

/** `bpfship attach SERVICE`: attaches the programs of a running service at other targets. */
export async function attachService(
  name: string,
  values: NodeOptionValues & TargetOptionValues,
  context: CommandContext,
): Promise<void> {
  const service = checkServiceName(name);
  if (values.xdpMode !== undefined && values.interface === undefined && values.target === undefined) {
    throw new CliError('ERR_CLI_USAGE', '--xdp-mode is of an interface', 'Name it with --interface.');
  }
  await using node = await openLocalNode(values, context);
  const options = { service, attach: attachTargets(values), onStep: showSteps(context), signal: context.signal };
  printAttached('Attached', await node.setTargets(options), context);
}

function printAttached(verb: string, result: InstallResult, { printer }: CommandContext): void {
  for (const line of result.warnings) printer.warn(line);
  printer.result({
    text: [
      `${verb} ${result.service} ${result.version}, generation ${result.generation}`,
      ...result.programs.map(
        ({ name, hook, switched }) => `  ${name} at ${hook}${switched === 'kept' ? ' (as before)' : ''}`,
      ),
    ].join('\n'),
    data: result,
    brief: result.service,
  });
}
