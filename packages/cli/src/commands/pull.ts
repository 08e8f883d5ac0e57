import { Command } from 'commander';
import { type FetchedReference, parseManifest, requireReference } from '@bpfship/oras-client';
import { collectLayers } from '../artifact/collect.ts';
import { descriptorData } from '../artifact/descriptor-data.ts';
import { downloadFiles, type FileLayer } from '../artifact/download.ts';
import { fetchForPlatform } from '../artifact/platform.ts';
import type { GetContext } from '../context.ts';
import { addExamples } from '../options/examples.ts';
import { wholeNumber } from '../options/numbers.ts';
import { addRegistryOptions, openReference, type RegistryOptionValues } from '../options/registry-options.ts';
import { formatBytes } from '../terminal/table.ts';

interface Values extends RegistryOptionValues {
  output: string;
  variant?: string;
  ociLayout?: boolean;
  platform?: string;
  includeSubject?: boolean;
  keepOldFiles?: boolean;
  concurrency: number;
}

/** What a package of an eBPF service is; its other rules are loaded where one is pulled. */
const SERVICE = 'application/vnd.ebpf.service.v1';
/** The annotation that says so in its compatible form (spec/compatible-form.md). */
const ANNOTATION_SERVICE = 'vnd.ebpf.service.artifact-type';

/** `bpfship pull REFERENCE` */
export function createPullCommand(getContext: GetContext): Command {
  const command = new Command('pull')
    .summary('download the files of a package or artifact')
    .description(
      'Downloads the layers of a package, or of any artifact, as files with the names of their titles. To keep the artifact itself, with signatures, use "bpfship copy --to-oci-layout".',
    )
    .argument('<reference>', 'the package or artifact')
    .option('-o, --output <folder>', 'where to put the files', '.')
    .option('--variant <name>', 'of a package: only this variant')
    .option('--include-subject', 'also the files of what the artifact refers to')
    .option('--platform <platform>', 'of an index: only what is for os/architecture[/variant]')
    .option('-k, --keep-old-files', 'replace no files: where one is there already, nothing is pulled')
    .option('--concurrency <number>', 'layers at the same time', wholeNumber(1, 64), 3)
    .option('--oci-layout', 'the reference is an OCI layout folder');
  addExamples(addRegistryOptions(command), [
    ['All variants into a folder', 'bpfship pull ghcr.io/acme/exec-watch:1.0.0 --output exec-watch'],
    ['Only one variant', 'bpfship pull ghcr.io/acme/exec-watch:1.0.0 --variant ringbuf'],
    ['Any artifact, and replace nothing', 'bpfship pull ghcr.io/acme/sbom:1.0.0 -o sbom --keep-old-files'],
  ]);
  return command.action(async (reference: string, values: Values) => {
    const context = getContext();
    const { printer, signal } = context;
    await using opened = await openReference(reference, values, context);
    const { target } = opened;
    const root = await fetchForPlatform(target, requireReference(opened), { platform: values.platform, signal });
    let layers: FileLayer[];
    if (values.variant !== undefined || (isService(root) && !values.includeSubject)) {
      const { layersOfService } = await import('../artifact/service-layers.ts');
      layers = layersOfService(root.bytes, opened.display, values.variant);
    } else {
      const { files, untitled } = await collectLayers(target, root, {
        includeSubject: values.includeSubject ?? false,
        signal,
      });
      layers = files;
      for (const { digest } of untitled) printer.status(`Skipped ${digest}: it has no title to be the file’s name`);
      if (layers.length === 0 && untitled.length > 0) {
        printer.warn('nothing was pulled; "bpfship copy --to-oci-layout" keeps all of an artifact');
      }
    }
    const files = await downloadFiles(target, layers, values.output, {
      concurrency: values.concurrency,
      keepOldFiles: values.keepOldFiles ?? false,
      onFile: ({ path, descriptor: { size } }) => printer.status(`Downloaded ${path} (${formatBytes(size)})`),
      signal,
    });
    const { digest } = root.descriptor;
    const digestReference = `${opened.location}@${digest}`;
    printer.result({
      text: `Pulled ${opened.display}\nDigest: ${digest}`,
      data: {
        reference: digestReference,
        digest,
        files: files.map(({ path, descriptor }) => ({ path, ...descriptorData(opened.location, descriptor) })),
      },
      brief: digestReference,
    });
  });
}

function isService({ descriptor, bytes }: FetchedReference): boolean {
  const { artifactType, annotations } = parseManifest(bytes, descriptor);
  return artifactType === SERVICE || annotations?.[ANNOTATION_SERVICE] === SERVICE;
}
