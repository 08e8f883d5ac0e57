import { Command } from 'commander';
import { fetchReference, requireReference } from '@bpfship/oras-client';
import { descriptorData } from '../artifact/descriptor-data.ts';
import { fetchForPlatform } from '../artifact/platform.ts';
import { pushTagged } from '../artifact/push-artifact.ts';
import { checkTags } from '../artifact/tags.ts';
import type { GetContext } from '../context.ts';
import { addExamples } from '../options/examples.ts';
import { addRegistryOptions, openReference, type RegistryOptionValues } from '../options/registry-options.ts';

interface TagValues extends RegistryOptionValues {
  ociLayout?: boolean;
}

/** `bpfship tag REFERENCE TAG...` */
export function createTagCommand(getContext: GetContext): Command {
  const command = new Command('tag')
    .summary('give an artifact more tags')
    .description('Gives an artifact in a registry or OCI layout more tags. Nothing is downloaded but its manifest.')
    .argument('<reference>', 'the artifact, by tag or digest')
    .argument('<tags...>', 'the new tags')
    .option('--oci-layout', 'the reference is an OCI layout folder');
  addExamples(addRegistryOptions(command), [
    ['Make a version the latest', 'bpfship tag ghcr.io/acme/exec-watch:1.0.0 latest'],
    ['Two tags at once', 'bpfship tag ghcr.io/acme/exec-watch:1.0.0 1.0 1'],
    ['In an OCI layout folder', 'bpfship tag --oci-layout build/exec-watch:1.0.0 stable'],
  ]);
  return command.action(async (reference: string, given: string[], values: TagValues) => {
    const { printer, signal } = getContext();
    const tags = checkTags(given);
    await using opened = await openReference(reference, values, getContext());
    const { target } = opened;
    const { descriptor, bytes } = await fetchReference(target, requireReference(opened), { signal });
    await pushTagged(target, descriptor, bytes, { tags, signal });
    const data = descriptorData(opened.location, descriptor);
    printer.result({
      text: tags.map((tag) => `Tagged ${tag}`).join('\n'),
      data: { ...data, referenceAsTags: tags.map((tag) => `${opened.location}:${tag}`) },
      brief: data.reference,
    });
  });
}

interface ResolveValues extends TagValues {
  platform?: string;
  fullReference?: boolean;
}

/** `bpfship resolve REFERENCE` */
export function createResolveCommand(getContext: GetContext): Command {
  const command = new Command('resolve')
    .alias('digest')
    .summary('print the digest that a tag means')
    .description('Prints the digest of the manifest that a reference means now.')
    .argument('<reference>', 'the artifact, by tag or digest')
    .option('-l, --full-reference', 'print the whole reference, with the digest in place of the tag')
    .option('--platform <platform>', 'of an index: what is for os/architecture[/variant]')
    .option('--oci-layout', 'the reference is an OCI layout folder');
  addExamples(addRegistryOptions(command), [
    ['The digest of a tag', 'bpfship resolve ghcr.io/acme/exec-watch:1.0.0'],
    ['A reference that will mean the same tomorrow', 'bpfship resolve -l ghcr.io/acme/exec-watch:1.0.0'],
    ['What is for one platform', 'bpfship resolve --platform linux/arm64 docker.io/library/debian:13'],
  ]);
  return command.action(async (reference: string, values: ResolveValues) => {
    const context = getContext();
    const { signal } = context;
    await using opened = await openReference(reference, values, context);
    const name = requireReference(opened);
    const { platform } = values;
    const descriptor =
      platform === undefined
        ? await opened.target.resolve(name, { signal })
        : (await fetchForPlatform(opened.target, name, { platform, signal })).descriptor;
    const data = descriptorData(opened.location, descriptor);
    const line = values.fullReference ? data.reference : descriptor.digest;
    context.printer.result({ text: line, data, brief: line });
  });
}
