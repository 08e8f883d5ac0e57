import { Command } from 'commander';
import { requireReference } from '@bpfship/oras-client';
import type { AttachTargets, InstallProgress, InstallResult } from '@bpfship/runtime-shim';
import type { CommandContext, GetContext } from '../context.ts';
import { addExamples } from '../options/examples.ts';
import { addHealthOptions, healthChoice, type HealthOptionValues } from '../options/health-options.ts';
import { addAllowNewOption, type AllowNewOptionValues } from '../options/allow-new-option.ts';
import { addVerifyOptions, policyFrom, type VerifyOptionValues } from '../options/key-options.ts';
import {
  addAttachOptions,
  addDiscardOption,
  addNodeOptions,
  type AttachOptionValues,
  checkServiceName,
  type DiscardOptionValues,
  type NodeOptionValues,
  openLocalNode,
  showSteps,
} from '../options/node-options.ts';
import { attachTargets } from '../options/target-options.ts';
import { addParameterOptions, readValues, type ParameterOptionValues } from '../options/parameter-options.ts';
import { addRegistryOptions, openReference, type RegistryOptionValues } from '../options/registry-options.ts';
import { createTrafficCounter } from '../options/traffic.ts';
import { formatBytes } from '../terminal/table.ts';

/** Options of the commands that bring a package into the kernel. */
export interface InstallValues
  extends
    RegistryOptionValues,
    VerifyOptionValues,
    NodeOptionValues,
    AttachOptionValues,
    ParameterOptionValues,
    DiscardOptionValues,
    HealthOptionValues,
    AllowNewOptionValues {
  ociLayout?: boolean;
}

/** Adds the options of the commands that bring a package into the kernel. */
export function addInstallOptions(command: Command): Command {
  command.option('--oci-layout', 'the reference is an OCI layout folder');
  addParameterOptions(addAttachOptions(command));
  return addNodeOptions(addRegistryOptions(addVerifyOptions(command, { allowUnsigned: true })));
}

/** `bpfship install REFERENCE` */
export function createInstallCommand(getContext: GetContext): Command {
  const command = new Command('install')
    .summary('install a service: it stays in the kernel')
    .description(
      'Verifies a package, selects the variant that fits this kernel, downloads that one layer, loads and attaches it. It stays when the command ends.',
    )
    .argument('<reference>', 'the package');
  addExamples(addHealthOptions(addInstallOptions(command)), [
    ['Install a signed service', 'bpfship install ghcr.io/acme/exec-watch:1.0.0 --key acme.pub'],
    ['An XDP service on an interface', 'bpfship install ghcr.io/acme/xdp-guard:1.0.0 --key acme.pub --interface eth0'],
    ['With a load parameter', 'bpfship install ghcr.io/acme/exec-watch:1.0.0 --key acme.pub --set only_pid=1'],
    ['Your own build, unsigned', 'bpfship install --oci-layout build/exec-watch:1.0.0 --allow-unsigned'],
  ]);
  return command.action(async (reference: string, values: InstallValues) => {
    const context = getContext();
    const { result, traffic } = await bringIn(reference, undefined, values, context);
    printInstall('Installed', result, traffic, context);
  });
}

/** `bpfship upgrade SERVICE REFERENCE` */
export function createUpgradeCommand(getContext: GetContext): Command {
  const command = new Command('upgrade')
    .summary('switch a running service to another version')
    .description(
      'Loads another version beside the running one, carries its maps over, and switches. Where anything fails, the running version stays.',
    )
    .argument('<service>', 'the installed service')
    .argument('<reference>', 'the package to switch to');
  addExamples(addAllowNewOption(addDiscardOption(addHealthOptions(addInstallOptions(command)))), [
    ['To a newer version', 'bpfship upgrade exec-watch ghcr.io/acme/exec-watch:1.1.0 --key acme.pub'],
    ['By digest, from a folder', 'bpfship upgrade --oci-layout exec-watch ./exec-watch@sha256:… --key acme.pub'],
    ['Watched for a minute', 'bpfship upgrade exec-watch ghcr.io/acme/exec-watch:1.1.0 --key acme.pub --health-for 1m'],
    ['And back', 'bpfship rollback exec-watch'],
  ]);
  return command.action(async (service: string, reference: string, values: InstallValues) => {
    const context = getContext();
    const { result, traffic } = await bringIn(reference, checkServiceName(service), values, context);
    printInstall('Upgraded', result, traffic, context);
  });
}

const UNPROVEN =
  'interrupted while its health was watched: the new generation runs on, unproven; "bpfship rollback" goes back to the one before';

/** Without a `*` that says nothing, which would hide that of the values file. */
function withoutEmpty(targets: AttachTargets): AttachTargets {
  const { '*': common = {}, ...others } = targets;
  return Object.keys(common).length > 0 ? targets : others;
}

/** Installs a package, or upgrades a service to it. */
export async function bringIn(
  reference: string,
  service: string | undefined,
  values: InstallValues,
  context: CommandContext,
): Promise<{ result: InstallResult; traffic: { requests: number; bytes: number } }> {
  const { changes, attach } = await readValues(values);
  const policy = await policyFrom(values, context);
  const counter = createTrafficCounter();
  // The node's worker starts while the rest is made ready.
  await using node = await openLocalNode(values, context);
  await using opened = await openReference(reference, values, context, { onRequest: counter.onRequest });
  const show = showSteps(context);
  let recorded = false;
  const options = {
    target: opened.target,
    reference: requireReference(opened),
    location: opened.location,
    attach: { ...attach, ...withoutEmpty(attachTargets(values)) },
    ...changes,
    ...healthChoice(values),
    ...(values.allowNew === undefined ? {} : { allowNew: values.allowNew }),
    ...(values.discardMap === undefined ? {} : { discardMaps: values.discardMap }),
    onStep: (step: InstallProgress) => {
      recorded ||= step.step === 'record';
      show(step);
    },
    signal: context.signal,
    ...(policy === undefined ? { allowUnsigned: true as const } : { policy }),
    ...(values.variant === undefined ? {} : { variant: values.variant }),
  };
  try {
    const result = service === undefined ? await node.install(options) : await node.upgrade({ ...options, service });
    return { result, traffic: counter.total() };
  } catch (error) {
    if (recorded && context.signal.aborted) context.printer.warn(UNPROVEN);
    throw error;
  }
}

function printInstall(
  verb: string,
  result: InstallResult,
  traffic: { requests: number; bytes: number },
  { printer }: CommandContext,
): void {
  for (const line of result.warnings) printer.warn(line);
  const programs = result.programs.map(
    ({ name, hook, switched }) => `  ${name} at ${hook}${switched === 'attached' ? '' : ` (switched ${switched})`}`,
  );
  printer.result({
    text: [
      `${verb} ${result.service} ${result.version}, variant ${result.variant}, generation ${result.generation}`,
      ...programs,
      ...(result.health?.probes ?? []).map(({ state, detail }) => `Health: ${state}, ${detail}`),
      `Digest: ${result.digest}`,
      `Fetched ${formatBytes(traffic.bytes)} in ${traffic.requests} requests`,
    ].join('\n'),
    data: { ...result, ...traffic },
    brief: result.service,
  });
}
