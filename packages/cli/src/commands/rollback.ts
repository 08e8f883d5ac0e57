import { Command } from 'commander';
import type { RestoredService } from '@bpfship/runtime-shim';
import type { GetContext } from '../context.ts';
import { errorCode } from '../exit-codes.ts';
import { addExamples } from '../options/examples.ts';
import { wholeNumber } from '../options/numbers.ts';
import { addVerifyOptions, policyFrom, type VerifyOptionValues } from '../options/key-options.ts';
import {
  addDiscardOption,
  addNodeOptions,
  checkServiceName,
  type DiscardOptionValues,
  type NodeOptionValues,
  openLocalNode,
  showSteps,
} from '../options/node-options.ts';

/** `bpfship rollback SERVICE` */
export function createRollbackCommand(getContext: GetContext): Command {
  const command = new Command('rollback')
    .summary('go back to an earlier generation')
    .description(
      'Switches a service back to a generation that this node already had, from the local store and without a network. It was verified when it was installed; with --key or --policy its signature is verified again.',
    )
    .argument('<service>', 'the installed service')
    .option('--to <generation>', 'the generation to go back to; default: the one before', wholeNumber(1));
  addExamples(addVerifyOptions(addDiscardOption(addNodeOptions(command))), [
    ['To the generation before', 'bpfship rollback exec-watch'],
    ['To a certain one', 'bpfship rollback exec-watch --to 1'],
    ['Only to what is trusted now', 'bpfship rollback exec-watch --key acme.pub'],
    ['What there is to go back to', 'bpfship status exec-watch'],
  ]);
  return command.action(
    async (name: string, values: NodeOptionValues & DiscardOptionValues & VerifyOptionValues & { to?: number }) => {
      const context = getContext();
      const service = checkServiceName(name);
      const isNamed = values.key !== undefined || values.policy !== undefined;
      const policy = isNamed ? await policyFrom(values, context) : undefined;
      await using node = await openLocalNode(values, context);
      const result = await node.rollback({
        service,
        ...(policy === undefined ? {} : { policy }),
        ...(values.to === undefined ? {} : { to: values.to }),
        ...(values.discardMap === undefined ? {} : { discardMaps: values.discardMap }),
        onStep: showSteps(context),
        signal: context.signal,
      });
      for (const line of result.warnings) context.printer.warn(line);
      context.printer.result({
        text: `Rolled ${result.service} back to ${result.version}, variant ${result.variant}, generation ${result.generation}`,
        data: result,
        brief: String(result.generation),
      });
    },
  );
}

/** `bpfship restore [SERVICE]` */
export function createRestoreCommand(getContext: GetContext): Command {
  const command = new Command('restore')
    .summary('make services run again that are not in the kernel')
    .description(
      'After a start of the machine, or where somebody detached a program: brings services back from the local store, without a network. In the generation that they had, or where this kernel refuses its variant, in another variant of the package.',
    )
    .argument('[service]', 'the installed service; default: all');
  addExamples(addNodeOptions(command), [
    ['All services, after a start of the machine', 'bpfship restore'],
    ['One service', 'bpfship restore exec-watch'],
    ['What came of it, for scripts', 'bpfship restore --format json'],
  ]);
  return command.action(async (name: string | undefined, values: NodeOptionValues) => {
    const context = getContext();
    const { printer, signal } = context;
    await using node = await openLocalNode(values, context);
    const results = await node.restore({
      signal,
      ...(name === undefined ? {} : { service: checkServiceName(name) }),
    });
    for (const { service, outcome, warnings } of results)
      if (outcome !== 'failed') for (const line of warnings) printer.warn(`${service}: ${line}`);
    printer.result({
      text: results.length === 0 ? 'No service is installed.' : results.map(lineOf).join('\n'),
      data: results.map(({ error, ...result }) => ({
        ...result,
        ...(error === undefined ? {} : { error: { code: errorCode(error), message: error.message } }),
      })),
      brief: results.map(({ service, outcome }) => `${service} ${outcome}`).join('\n'),
    });
    const failed = results.find(({ error }) => error !== undefined);
    if (failed?.error) throw failed.error;
  });
}

function lineOf({ service, outcome, version, generation, error }: RestoredService): string {
  if (error !== undefined) return `${service}: failed: ${error.message}`;
  return `${service}${version === undefined ? '' : ` ${version}, generation ${generation}`}: ${outcome}`;
}

/** `bpfship uninstall SERVICE` */
export function createUninstallCommand(getContext: GetContext): Command {
  const command = new Command('uninstall')
    .alias('rm')
    .summary('remove a service from the kernel and the node')
    .description('Detaches the programs of a service, removes its pins and maps, and forgets its generations.')
    .argument('<service>', 'the installed service');
  addExamples(addNodeOptions(command), [
    ['Remove a service', 'bpfship uninstall exec-watch'],
    ['Remove all', 'bpfship ps -q | xargs -n1 bpfship uninstall'],
    ['See first what there is', 'bpfship ps'],
  ]);
  return command.action(async (name: string, values: NodeOptionValues) => {
    const context = getContext();
    const service = checkServiceName(name);
    await using node = await openLocalNode(values, context);
    await node.uninstall({ service });
    context.printer.result({ text: `Uninstalled ${service}`, data: { service }, brief: service });
  });
}
