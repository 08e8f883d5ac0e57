import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { parseLayoutReference, parseReference } from '@bpfship/oras-client';
import { descriptorData } from '../artifact/descriptor-data.ts';
import { pushArtifact } from '../artifact/push-artifact.ts';
import { pushLayout } from '../artifact/push-layout.ts';
import { openPushTarget } from '../artifact/tags.ts';
import { CliError } from '../cli-error.ts';
import type { CommandContext, GetContext } from '../context.ts';
import { addArtifactOptions, type ArtifactOptionValues } from '../options/artifact-options.ts';
import { addExamples } from '../options/examples.ts';
import { addRegistryOptions, type RegistryOptionValues } from '../options/registry-options.ts';

interface Values extends RegistryOptionValues, ArtifactOptionValues {
  ociLayout?: boolean;
}

/** `bpfship push LAYOUT REFERENCE` and `bpfship push REFERENCE FILE...` */
export function createPushCommand(getContext: GetContext): Command {
  const command = new Command('push')
    .summary('push a package, or files as an artifact')
    .description(
      'Pushes a package with its signatures from the OCI layout folder that "bpfship pack" wrote to a registry: push <layout> <reference>. Or makes an artifact of files: push <reference> <file[:media-type]>... What is there already is not sent again.',
    )
    .argument('<what>', 'the layout, such as build/exec-watch:1.0.0, or the reference of the artifact')
    .argument('[more...]', 'the reference of the package, such as ghcr.io/acme/exec-watch:1.0.0, or the files')
    .option('--oci-layout', 'files go into an OCI layout folder, which is made where it is missing');
  addExamples(addArtifactOptions(addRegistryOptions(command)), [
    ['Push to GHCR with docker’s credentials', 'bpfship push build/exec-watch:1.0.0 ghcr.io/acme/exec-watch:1.0.0'],
    ['Push to a registry on this machine', 'bpfship push build/exec-watch:1.0.0 127.0.0.1:5000/exec-watch:1.0.0'],
    ['Keep just the digest', 'bpfship push -q build/exec-watch:1.0.0 ghcr.io/acme/exec-watch:1.0.0'],
    [
      'Files as an artifact, under two tags',
      'bpfship push ghcr.io/acme/notes:1.0,latest notes.md:text/markdown --artifact-type application/vnd.acme.notes',
    ],
  ]);
  return command.action(async (what: string, more: string[], values: Values) => {
    const context = getContext();
    const [first = ''] = more;
    if (!values.ociLayout && more.length === 1 && isLayoutPush(what, first)) {
      refuseArtifactOptions(values);
      await pushLayout(what, first, values, context);
    } else await pushFiles(what, more, values, context);
  });
}

/** What is pushed is a layout where there is one; or where only the second argument can be a reference. */
function isLayoutPush(what: string, first: string): boolean {
  if (!isReference(first)) return false;
  return !isReference(what) || existsSync(join(parseLayoutReference(what).path, 'oci-layout'));
}

function isReference(text: string): boolean {
  try {
    parseReference(text.replace(/,[^/@]*$/, ''));
    return true;
  } catch {
    return false;
  }
}

/** A package is pushed as it is: its digest is signed. */
function refuseArtifactOptions(values: Values): void {
  const given = Object.entries({
    '--artifact-type': values.artifactType,
    '--annotation': values.annotation,
    '--annotation-file': values.annotationFile,
    '--config': values.config,
    '--export-manifest': values.exportManifest,
  }).find(([, value]) => value !== undefined);
  if (given === undefined) return;
  throw new CliError(
    'ERR_CLI_USAGE',
    `${given[0]} is for files; a package is pushed as it is`,
    'What a package says of itself is in its ebpf-service.yaml; "bpfship pack" writes it anew.',
  );
}

async function pushFiles(
  reference: string,
  files: readonly string[],
  values: Values,
  context: CommandContext,
): Promise<void> {
  await using place = await openPushTarget(reference, values, context);
  if (place.digest !== undefined) {
    throw new CliError(
      'ERR_CLI_USAGE',
      `"${reference}" names a digest, and what is pushed has its own`,
      `Name a tag, such as ${place.location}:1.0.0, or none.`,
    );
  }
  if (files.length === 0 && values.annotation === undefined && values.annotationFile === undefined) {
    throw new CliError(
      'ERR_CLI_USAGE',
      `nothing is named that could be pushed to ${reference}`,
      `Name files: bpfship push ${reference} FILE[:MEDIA-TYPE]...; or give --annotation key=value.`,
    );
  }
  const { descriptor, annotations, artifactType } = await pushArtifact(place, files, values, context);
  const data = descriptorData(place.location, { ...descriptor, annotations, artifactType });
  const [tag, ...others] = place.tags;
  context.printer.result({
    text: [
      `Pushed ${place.display}`,
      ...others.map((other) => `Tagged ${other}`),
      `ArtifactType: ${artifactType}`,
      `Digest: ${descriptor.digest}`,
    ].join('\n'),
    data: { ...data, tag, referenceAsTags: place.tags.map((name) => `${place.location}:${name}`) },
    brief: data.reference,
  });
}
