import { setTimeout } from 'node:timers/promises';
import { Command } from 'commander';
import type { CommandContext, GetContext } from '../context.ts';
import { errorCode } from '../exit-codes.ts';
import { addExamples } from '../options/examples.ts';
import { MAX_SECONDS, seconds, wholeNumber } from '../options/numbers.ts';
import { openLocalNode } from '../options/node-options.ts';
import { followEvents } from './logs.ts';
import { addInstallOptions, bringIn, type InstallValues } from './install.ts';

interface RunValues extends InstallValues {
  duration?: number;
  count?: number;
}

/** `bpfship run REFERENCE` */
export function createRunCommand(getContext: GetContext): Command {
  const command = new Command('run')
    .summary('run a service in the foreground and show its events')
    .description(
      'Installs a service, shows its events until it is interrupted, and uninstalls it. With --format json each event is one line of JSON.',
    )
    .argument('<reference>', 'the package')
    .option('--duration <seconds>', 'end after this time', seconds)
    .option('--count <number>', 'end after this many events', wholeNumber(1));
  addExamples(addInstallOptions(command), [
    ['Watch until Ctrl-C', 'bpfship run ghcr.io/acme/exec-watch:1.0.0 --key acme.pub'],
    [
      'Ten seconds, as JSON lines',
      'bpfship run ghcr.io/acme/exec-watch:1.0.0 --key acme.pub --duration 10 --format json',
    ],
    ['Your own build', 'bpfship run --oci-layout build/exec-watch:1.0.0 --allow-unsigned'],
  ]);
  return command.action(async (reference: string, values: RunValues) => {
    const context = getContext();
    const { result } = await bringIn(reference, undefined, values, context);
    try {
      context.printer.status(`Running ${result.service} ${result.version}, variant ${result.variant}; Ctrl-C ends it`);
      await follow(result.service, values, context);
    } finally {
      // A node of its own: it removes the service also where the one above is broken.
      await using node = await openLocalNode(values, context);
      await node.uninstall({ service: result.service });
      context.printer.status(`Removed ${result.service}`);
    }
  });
}

/** Shows events; a service that has none just runs. */
async function follow(service: string, values: RunValues, context: CommandContext): Promise<void> {
  await using node = await openLocalNode(values, context);
  try {
    await followEvents(node, service, values, context);
  } catch (error) {
    if (errorCode(error) !== 'ERR_SHIM_NO_EVENTS') throw error;
    context.printer.status(`${service} has no events to show`);
    await setTimeout((values.duration ?? MAX_SECONDS) * 1000, undefined, { signal: context.signal }).catch(
      () => undefined,
    );
  }
}
