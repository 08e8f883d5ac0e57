import { Command } from 'commander';
import { inspectPackage, type InspectedPackage, type PackageNode } from '@bpfship/devkit';
import {
  compatibleArtifactType,
  isCompatibleForm,
  isKnownRequirement,
  type Requirement,
  type Variant,
} from '@bpfship/media-types';
import { requireReference } from '@bpfship/oras-client';
import type { GetContext } from '../context.ts';
import { addExamples } from '../options/examples.ts';
import { addRegistryOptions, openReference, type RegistryOptionValues } from '../options/registry-options.ts';
import { formatBytes } from '../terminal/table.ts';

/** `bpfship inspect REFERENCE` */
export function createInspectCommand(getContext: GetContext): Command {
  const command = new Command('inspect')
    .summary('show what a package holds')
    .description(
      'Shows the tree of a package and, for each variant, its programs, maps and requirements. No layer is downloaded.',
    )
    .argument('<reference>', 'the package')
    .option('--oci-layout', 'the reference is an OCI layout folder');
  addExamples(addRegistryOptions(command), [
    ['In a registry', 'bpfship inspect ghcr.io/acme/exec-watch:1.0.0'],
    ['In a folder', 'bpfship inspect --oci-layout build/exec-watch:1.0.0'],
    ['The whole BTF index', 'bpfship inspect --format json ghcr.io/acme/exec-watch:1.0.0 | jq .index'],
  ]);
  return command.action(async (reference: string, values: RegistryOptionValues & { ociLayout?: boolean }) => {
    const context = getContext();
    await using opened = await openReference(reference, values, context);
    const inspected = await inspectPackage(opened.target, requireReference(opened), { signal: context.signal });
    const { descriptor, manifest, index, totalSize } = inspected;
    context.printer.result({
      text: () => describe(opened.display, inspected),
      data: {
        reference: `${opened.location}@${descriptor.digest}`,
        mediaType: descriptor.mediaType,
        digest: descriptor.digest,
        size: descriptor.size,
        artifactType: manifest.artifactType ?? compatibleArtifactType(manifest),
        totalSize,
        manifest,
        index,
      },
      brief: `${opened.location}@${descriptor.digest}`,
    });
  });
}

function describe(
  display: string,
  { descriptor, manifest, index, tree, totalSize, variants }: InspectedPackage,
): string {
  const layers = new Map(variants.map(({ variant, layerSize }) => [variant, layerSize]));
  return [
    `${index.name} ${index.version}${index.licenses === undefined ? '' : ` (${index.licenses})`}`,
    ...(index.description === undefined ? [] : [index.description]),
    `Reference: ${display}`,
    `Digest: ${descriptor.digest}`,
    ...(isCompatibleForm(manifest) ? ['Form: compatible, as a container image (packed with --compat)'] : []),
    `Size: ${formatBytes(totalSize)} in all`,
    '',
    `manifest ${shortDigest(descriptor.digest)} (${formatBytes(descriptor.size)})`,
    ...tree.map((node, i) => `${i === tree.length - 1 ? '└──' : '├──'} ${describeNode(node)}`),
    '',
    ...(index.events ?? []).map(({ map, type }) => `events: ${type} in ${map}`),
    ...(index.parameters ?? []).map(
      ({ name, type, default: value, description }) =>
        `parameter: ${name} (${type}, default ${type === 'text' ? JSON.stringify(value) : value})${description === undefined ? '' : ` ${description}`}`,
    ),
    ...index.variants.flatMap((variant) => ['', ...describeVariant(variant, layers.get(variant) ?? 0)]),
  ].join('\n');
}

function describeNode({ kind, title, digest, size, variant, architecture }: PackageNode): string {
  const name = kind === 'btf-index' ? 'BTF index' : kind === 'variant' ? `variant ${variant ?? '?'}` : 'other';
  const platform = kind === 'variant' ? `, ${architecture ?? 'any architecture'}` : '';
  return `${name} ${shortDigest(digest)} (${formatBytes(size)}${platform})${title === undefined ? '' : ` ${title}`}`;
}

function describeVariant({ name, platform, programs, maps, requirements }: Variant, layerSize: number): string[] {
  return [
    `variant ${name} (${platform.architecture ?? 'any architecture'}, ${platform.byteOrder}-endian, layer ${formatBytes(layerSize)})`,
    ...programs.map(({ name: program, section }) => `  program ${program} (${section})`),
    ...maps
      .filter((map) => !map.name.startsWith('.'))
      .map(
        (map) =>
          `  map ${map.name} (${map.type}, key ${map.keySize}, value ${map.valueSize}, ${map.maxEntries} entries)`,
      ),
    ...summarizeRequirements(requirements).map((line) => `  needs ${line}`),
  ];
}

/** One line for each kind of requirement. */
function summarizeRequirements(requirements: readonly Requirement[]): string[] {
  const groups = new Map<string, Set<string>>();
  for (const requirement of requirements) {
    const [group, item] = describeRequirement(requirement);
    groups.set(group, (groups.get(group) ?? new Set()).add(item));
  }
  return [...groups].map(([group, items]) => `${group}: ${[...items].join(', ')}`);
}

function describeRequirement(requirement: Requirement): [group: string, item: string] {
  if (!isKnownRequirement(requirement)) return [requirement.kind, '(a kind this version does not know)'];
  switch (requirement.kind) {
    case 'program-type':
      return ['program types', requirement.value];
    case 'map-type':
      return ['map types', requirement.value];
    case 'helper':
      return ['helpers', requirement.value];
    case 'attach-target':
      return ['hooks', `${requirement.hook} ${requirement.value}`];
    case 'feature':
      return ['features', requirement.value];
    case 'context-field':
      return [
        'contexts',
        `${requirement.programType} ${requirement.access} ${requirement.size} at ${requirement.offset}`,
      ];
    case 'hook-argument':
      return ['arguments', `${requirement.hook} ${requirement.value} ${requirement.size} at ${requirement.offset}`];
    case 'core-relocation':
      return ['kernel types', `${requirement.type}${requirement.access === '' ? '' : `.${requirement.access}`}`];
    case 'memory-access':
      return ['refused accesses', requirement.source ?? `${requirement.function}+${requirement.instruction}`];
    case 'kconfig':
      return ['kernel options', requirement.value];
    case 'ksym':
      return ['kernel symbols', requirement.value];
    case 'kfunc':
      return ['kernel functions', requirement.value];
    case 'capability':
      return ['capabilities', requirement.value];
    default:
      return [`${requirement.kind}s`, requirement.value];
  }
}

function shortDigest(digest: string): string {
  return digest.slice(0, 'sha256:'.length + 12);
}
