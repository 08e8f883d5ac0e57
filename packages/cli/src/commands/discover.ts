import { Command } from 'commander';
import { requireReference } from '@bpfship/oras-client';
import { descriptorData } from '../artifact/descriptor-data.ts';
import { fetchForPlatform } from '../artifact/platform.ts';
import { findReferrers, type Referrer, renderTree } from '../artifact/referrer-tree.ts';
import type { GetContext } from '../context.ts';
import { addExamples } from '../options/examples.ts';
import { wholeNumber } from '../options/numbers.ts';
import { addRegistryOptions, openReference, type RegistryOptionValues } from '../options/registry-options.ts';
import { sanitizeLine } from '../terminal/sanitize.ts';
import { table } from '../terminal/table.ts';

interface Values extends RegistryOptionValues {
  artifactType?: string;
  depth?: number;
  platform?: string;
  ociLayout?: boolean;
}

/** `bpfship discover REFERENCE` */
export function createDiscoverCommand(getContext: GetContext): Command {
  const command = new Command('discover')
    .summary('show what refers to an artifact')
    .description(
      'Shows what refers to an artifact: signatures, SBOMs, evidence and whatever else was attached; and what refers to that. As a tree; --format table or json shows it otherwise. What a registry lists is its claim: "bpfship verify" checks signatures.',
    )
    .argument('<reference>', 'the artifact, by tag or digest')
    .option('--artifact-type <type>', 'only what has this type')
    .option('--depth <number>', 'levels to show (default: all)', wholeNumber(1, 32))
    .option('--platform <platform>', 'of an index: what is for os/architecture[/variant]')
    .option('--oci-layout', 'the reference is an OCI layout folder');
  addExamples(addRegistryOptions(command), [
    ['Everything', 'bpfship discover ghcr.io/acme/exec-watch:1.0.0'],
    ['Only SBOMs', 'bpfship discover ghcr.io/acme/exec-watch:1.0.0 --artifact-type application/spdx+json'],
    ['One level as a table', 'bpfship discover ghcr.io/acme/exec-watch:1.0.0 --depth 1 --format table'],
  ]);
  return command.action(async (reference: string, values: Values) => {
    const context = getContext();
    const { printer, options, signal } = context;
    await using opened = await openReference(reference, values, context);
    const { target, location } = opened;
    const name = requireReference(opened);
    const { artifactType, depth, platform } = values;
    const root =
      platform === undefined
        ? await target.resolve(name, { signal })
        : (await fetchForPlatform(target, name, { platform, signal })).descriptor;
    const referrers = await findReferrers(target, root, { location, artifactType, depth, signal });
    const { mediaType, digest, size } = root;
    const data = descriptorData(location, { mediaType, digest, size });
    printer.result({
      text: () => (options.format === 'table' ? renderTable(referrers) : renderTree(data.reference, referrers)),
      data: { ...data, referrers },
      brief: flatten(referrers)
        .map(({ reference: each }) => each)
        .join('\n'),
    });
  });
}

function renderTable(referrers: readonly Referrer[]): string {
  const rows = flatten(referrers).map(({ artifactType = '<unknown>', digest }) => [sanitizeLine(artifactType), digest]);
  return table([['Artifact Type', 'Digest'], ...rows]);
}

function flatten(referrers: readonly Referrer[]): Referrer[] {
  return referrers.flatMap((referrer) => [referrer, ...flatten(referrer.referrers)]);
}
