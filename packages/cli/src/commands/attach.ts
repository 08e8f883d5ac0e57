import { Command } from 'commander';
import { requireReference } from '@bpfship/oras-client';
import { descriptorData } from '../artifact/descriptor-data.ts';
import { fetchForPlatform } from '../artifact/platform.ts';
import { pushArtifact } from '../artifact/push-artifact.ts';
import { CliError } from '../cli-error.ts';
import type { CommandContext, GetContext } from '../context.ts';
import { addArtifactOptions, type ArtifactOptionValues } from '../options/artifact-options.ts';
import { addExamples } from '../options/examples.ts';
import { addStateOption, type NodeOptionValues } from '../options/state-option.ts';
import { addRegistryOptions, openReference, type RegistryOptionValues } from '../options/registry-options.ts';
import { addTargetOptions, type TargetOptionValues } from '../options/target-options.ts';

interface Values extends RegistryOptionValues, ArtifactOptionValues, NodeOptionValues, TargetOptionValues {
  ociLayout?: boolean;
  platform?: string;
}

/** `bpfship attach REFERENCE FILE...` and `bpfship attach SERVICE` */
export function createAttachCommand(getContext: GetContext): Command {
  const command = new Command('attach')
    .summary('attach files to an artifact, or a service elsewhere')
    .description(
      'With a reference: makes an artifact of files that refers to the one that is named, such as an SBOM to a package. With the name of an installed service: attaches its programs at other targets; new ones are added, others left, and programs that stay where they are are not touched. Without targets, patterns are looked up again.',
    )
    .argument('<what>', 'reference of an artifact, or name of a service')
    .argument('[files...]', 'files with their media types: file[:media-type]')
    .option('--platform <platform>', 'of an index: what is for os/architecture[/variant]')
    .option('--oci-layout', 'the reference is an OCI layout folder');
  addArtifactOptions(addRegistryOptions(command));
  addExamples(addStateOption(addTargetOptions(command)), [
    [
      'An SBOM to a package',
      'bpfship attach ghcr.io/acme/exec-watch:1.0.0 sbom.json --artifact-type application/spdx+json',
    ],
    [
      'Only annotations',
      'bpfship attach ghcr.io/acme/exec-watch:1.0.0 --artifact-type application/vnd.acme.review -a by=sam',
    ],
    ['A service to two interfaces', 'bpfship attach packet-count --interface eth0 --interface eth1'],
    ['One program to another binary', 'bpfship attach shell-watch --target line=binary=/bin/zsh,symbol=readline'],
    ['Look up a pattern again', 'bpfship attach packet-count'],
  ]);
  return command.action(async (what: string, files: string[], values: Values) => {
    const context = getContext();
    // Names of services have no colon and no "@", and references that mean one artifact have either.
    if (values.ociLayout || /[:@]/.test(what) || files.length > 0 || values.artifactType !== undefined) {
      refuseTargets(values);
      await attachFiles(what, files, values, context);
    } else {
      const { attachService } = await import('./start-stop.ts');
      await attachService(what, values, context);
    }
  });
}

function refuseTargets({ interface: interfaces, xdpMode, cgroup, target }: Values): void {
  const given = Object.entries({
    '--interface': interfaces,
    '--xdp-mode': xdpMode,
    '--cgroup': cgroup,
    '--target': target,
  }).find(([, value]) => value !== undefined);
  if (given === undefined) return;
  throw new CliError(
    'ERR_CLI_USAGE',
    `${given[0]} is for services, and a reference is an artifact`,
    'Name the service as "bpfship ps" shows it, or leave the option out.',
  );
}

async function attachFiles(
  reference: string,
  files: readonly string[],
  values: Values,
  context: CommandContext,
): Promise<void> {
  if (values.artifactType === undefined) {
    throw new CliError(
      'ERR_CLI_USAGE',
      'nothing says what is attached',
      'Give its type with --artifact-type, such as application/spdx+json.',
    );
  }
  if (files.length === 0 && values.annotation === undefined && values.annotationFile === undefined) {
    throw new CliError(
      'ERR_CLI_USAGE',
      'neither files nor annotations are named',
      `bpfship attach ${reference} FILE... --artifact-type ${values.artifactType}`,
    );
  }
  await using opened = await openReference(reference, values, context);
  const { platform } = values;
  const found = await fetchForPlatform(opened.target, requireReference(opened), { platform, signal: context.signal });
  const subject = found.descriptor;
  const place = { target: opened.target, tags: [], subject };
  const { descriptor, annotations, artifactType } = await pushArtifact(place, files, values, context);
  const data = descriptorData(opened.location, { ...descriptor, annotations, artifactType });
  context.printer.result({
    text: `Attached to ${opened.location}@${subject.digest}\nDigest: ${descriptor.digest}`,
    data: { ...data, subject: subject.digest },
    brief: data.reference,
  });
}
