import { type Command, Option } from 'commander';
import type { InstallProgress, ShimNode } from '@bpfship/runtime-shim';
import { openNode } from '@bpfship/runtime-shim';
import { CliError } from '../cli-error.ts';
import { addStateOption, type NodeOptionValues } from './state-option.ts';
import type { CommandContext } from '../context.ts';
import { addTargetOptions, type TargetOptionValues } from './target-options.ts';
import { formatBytes, formatDuration } from '../terminal/table.ts';

export type { NodeOptionValues } from './state-option.ts';

/** Options of every command that works on the node's state. */
export function addNodeOptions(command: Command): Command {
  return addStateOption(command);
}

/** The node's state folder. */
export function stateFolder({ stateDir = '/var/lib/bpfship' }: NodeOptionValues): string {
  return stateDir;
}

/** Opens the node: its state folder, its pins, its kernel. */
export function openLocalNode(values: NodeOptionValues, { streams }: CommandContext): Promise<ShimNode> {
  const { env } = streams;
  return openNode({
    ...(values.stateDir === undefined ? {} : { stateDir: values.stateDir }),
    ...(env['BPFSHIP_BPFFS'] === undefined ? {} : { bpffsDir: env['BPFSHIP_BPFFS'] }),
  });
}

/** Values of the options that {@link addAttachOptions} adds. */
export interface AttachOptionValues extends TargetOptionValues {
  variant?: string;
}

/** Options that say where a service attaches and in which form. */
export function addAttachOptions(command: Command): Command {
  return addTargetOptions(command).addOption(
    new Option('--variant <name>', 'use this variant instead of the selected one').helpGroup('Attach options:'),
  );
}

/** Values of the option that {@link addDiscardOption} adds. */
export interface DiscardOptionValues {
  discardMap?: string[];
}

/** The option that gives the contents of maps up. */
export function addDiscardOption(command: Command): Command {
  return command.addOption(
    new Option('--discard-map <name>', 'start this map empty where its contents cannot be kept').argParser(collect),
  );
}

function collect(name: string, earlier: string[] = []): string[] {
  return [...earlier, name];
}

/** Shows the steps of an install or upgrade as they happen, on stderr. */
export function showSteps({ printer }: CommandContext): (progress: InstallProgress) => void {
  return ({ step, milliseconds, detail, bytes }) => {
    const size = bytes ? `, ${formatBytes(bytes)}` : '';
    printer.status(`  ${step.padEnd(8)} ${detail} (${formatDuration(milliseconds)}${size})`);
  };
}

/** A service's name as an argument. @throws {CliError} for something that is a reference or a path. */
export function checkServiceName(name: string): string {
  if (/^[a-z0-9]+([._/-][a-z0-9]+)*$/.test(name)) return name;
  throw new CliError(
    'ERR_CLI_USAGE',
    `"${name.slice(0, 128)}" is not a service name`,
    'Services are named as "bpfship ps" shows them, e.g. exec-watch.',
  );
}
