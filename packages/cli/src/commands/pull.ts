import { Command } from 'commander';
import { ANNOTATION_VARIANT, parseServiceManifest, serviceLayers } from '@bpfship/media-types';
import { fetchReference, requireReference } from '@bpfship/oras-client';
import { CliError } from '../cli-error.ts';
import type { GetContext } from '../context.ts';
import { downloadLayers } from '../download-layers.ts';
import { addExamples } from '../options/examples.ts';
import { addRegistryOptions, openReference, type RegistryOptionValues } from '../options/registry-options.ts';
import { formatBytes } from '../terminal/table.ts';

interface Values extends RegistryOptionValues {
  output: string;
  variant?: string;
  ociLayout?: boolean;
}

/** `bpfship pull REFERENCE` */
export function createPullCommand(getContext: GetContext): Command {
  const command = new Command('pull')
    .summary('download the files of a package')
    .description(
      'Downloads the layers of a package as files. To keep the package itself, with signatures, use "bpfship copy --to-oci-layout".',
    )
    .argument('<reference>', 'the package')
    .option('-o, --output <folder>', 'where to put the files', '.')
    .option('--variant <name>', 'only this variant')
    .option('--oci-layout', 'the reference is an OCI layout folder');
  addExamples(addRegistryOptions(command), [
    ['All variants into a folder', 'bpfship pull ghcr.io/acme/exec-watch:1.0.0 --output exec-watch'],
    ['Only one variant', 'bpfship pull ghcr.io/acme/exec-watch:1.0.0 --variant ringbuf'],
    ['The same with oras', 'oras pull ghcr.io/acme/exec-watch:1.0.0'],
  ]);
  return command.action(async (reference: string, values: Values) => {
    const context = getContext();
    await using opened = await openReference(reference, values, context);
    const { descriptor, bytes } = await fetchReference(opened.target, requireReference(opened), {
      signal: context.signal,
    });
    const manifest = parseServiceManifest(bytes);
    const all = serviceLayers(manifest);
    const layers = all.filter(
      ({ annotations }) => values.variant === undefined || annotations?.[ANNOTATION_VARIANT] === values.variant,
    );
    if (layers.length === 0) {
      const names = all.map(({ annotations }) => annotations?.[ANNOTATION_VARIANT]).filter(Boolean);
      throw new CliError(
        'ERR_CLI_NOT_FOUND',
        `${opened.display} has no variant "${values.variant}"`,
        `It has: ${[...new Set(names)].join(', ')}`,
      );
    }
    const files = await downloadLayers(opened.target, layers, values.output, {
      onFile: ({ path, size }) => context.printer.status(`Downloaded ${path} (${formatBytes(size)})`),
      signal: context.signal,
    });
    const digestReference = `${opened.location}@${descriptor.digest}`;
    context.printer.result({
      text: `Pulled ${opened.display}\nDigest: ${descriptor.digest}`,
      data: { reference: digestReference, digest: descriptor.digest, files },
      brief: digestReference,
    });
  });
}
