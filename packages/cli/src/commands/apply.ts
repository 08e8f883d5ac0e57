import { Command } from 'commander';
import {
  DaemonClient,
  DesiredFile,
  type DesiredState,
  readDesiredFile,
  Reconciler,
  type ReconcileReport,
  type ServiceReport,
} from '@bpfship/runtime-shim';
import { CliError } from '../cli-error.ts';
import type { CommandContext, GetContext } from '../context.ts';
import { addExamples } from '../options/examples.ts';
import { addNodeOptions, type NodeOptionValues, openLocalNode, stateFolder } from '../options/node-options.ts';
import { createTrafficCounter } from '../options/traffic.ts';
import { version } from '../version.ts';

/** `bpfship apply [FILE]` */
export function createApplyCommand(getContext: GetContext): Command {
  const command = new Command('apply')
    .summary('bring this node to a desired state')
    .description(
      'Reads which services this node should run, in which versions and with which settings, keeps that as the desired state, and brings the node there. The daemon bpfship-shim keeps it there; without a daemon it is done once, by this command.',
    )
    .argument('[file]', 'the desired state, e.g. node.yaml; default: what was applied before')
    .option('--dry-run', 'show what would be done, and do nothing');
  addExamples(addNodeOptions(command), [
    ['Show the plan', 'bpfship apply node.yaml --dry-run'],
    ['Bring the node there', 'bpfship apply node.yaml'],
    ['Look again, with what was applied before', 'bpfship apply'],
  ]);
  return command.action(async (file: string | undefined, values: NodeOptionValues & { dryRun?: boolean }) => {
    const context = getContext();
    const stored = new DesiredFile(stateFolder(values));
    const desired = file === undefined ? await stored.read() : await readDesiredFile(file);
    if (desired === undefined)
      throw new CliError(
        'ERR_CLI_USAGE',
        'nothing was applied on this node yet',
        'Name a file: bpfship apply node.yaml',
      );
    const dryRun = values.dryRun ?? false;
    const daemon = await DaemonClient.find(stateFolder(values));
    const report =
      daemon === undefined
        ? await applyHere({ desired, stored, dryRun, isNew: file !== undefined }, values, context)
        : await applyByDaemon(daemon, desired, dryRun, context);
    printReport(report, context);
  });
}

interface Applying {
  desired: DesiredState;
  stored: DesiredFile;
  dryRun: boolean;
  /** Whether it is to be kept. */
  isNew: boolean;
}

/** Without a daemon: once, by this process. */
async function applyHere(
  { desired, stored, dryRun, isNew }: Applying,
  values: NodeOptionValues,
  context: CommandContext,
): Promise<ReconcileReport & { requests: number }> {
  await using node = await openLocalNode(values, context);
  if (isNew && !dryRun) await stored.write(desired);
  const counter = createTrafficCounter();
  const reconciler = new Reconciler({
    node,
    stateDir: stateFolder(values),
    remote: {
      userAgent: `bpfship/${version}`,
      onRequest: counter.onRequest,
      onWarning: (text) => context.printer.warn(`the registry says: ${text}`),
    },
  });
  const report = await reconciler.reconcile(desired, {
    signal: context.signal,
    dryRun,
    onReport: (one) => showReport(one, context),
  });
  return { ...report, requests: counter.total().requests };
}

/** The daemon takes it over, and does it at once. */
async function applyByDaemon(
  daemon: DaemonClient,
  desired: DesiredState,
  dryRun: boolean,
  context: CommandContext,
): Promise<ReconcileReport> {
  const path = `/v1/desired${dryRun ? '?dryRun=true' : ''}`;
  let result: ReconcileReport | undefined;
  for await (const line of daemon.lines('PUT', path, desired, context.signal)) {
    if ('report' in line) showReport(line['report'] as ServiceReport, context);
    if ('result' in line) result = line['result'] as ReconcileReport;
  }
  if (result) return result;
  throw new CliError(
    'ERR_CLI_APPLY',
    'bpfship-shim ended before it was done',
    'Its log says why; "bpfship apply" tries again.',
  );
}

function showReport({ service, warnings = [], error }: ServiceReport, { printer }: CommandContext): void {
  const failure = error === undefined ? [] : [error.message, error.details ?? '', error.hint ?? ''];
  // A warning is one line.
  const lines = [...warnings, ...failure.flatMap((text) => text.split('\n'))];
  for (const line of lines.filter(Boolean)) printer.warn(`${service}: ${line.trim()}`);
}

function printReport(report: ReconcileReport, { printer }: CommandContext): void {
  printer.result({
    text: [...report.services.map(lineOf), ...(report.services.length === 0 ? ['There is nothing to do.'] : [])].join(
      '\n',
    ),
    data: report,
    brief: report.services.map(({ service, outcome }) => `${service} ${outcome}`).join('\n'),
  });
  const failed = report.services.filter(({ outcome }) => outcome === 'failed');
  if (failed.length === 0) return;
  throw new CliError(
    'ERR_CLI_APPLY',
    `${failed.length} of ${report.services.length} services could not be brought to the desired state`,
    'The lines above say why; what was done stays. "bpfship apply" tries again.',
  );
}

function lineOf({ service, action, outcome, from, to, reason }: ServiceReport): string {
  const words = {
    unchanged: 'as it should be',
    planned: `would ${verbOf(action)}`,
    done: `${verbOf(action)}: done`,
    waiting: `${verbOf(action)}: waits`,
    failed: `${verbOf(action)}: failed`,
  };
  const versions = [from?.version, to?.version ?? to?.reference].filter((one) => one !== undefined).join(' -> ');
  return `${service}: ${words[outcome]}${versions === '' ? '' : ` (${versions})`}${reason === undefined ? '' : `; ${reason}`}`;
}

function verbOf(action: ServiceReport['action']): string {
  return action === 'none' ? 'look' : action;
}
