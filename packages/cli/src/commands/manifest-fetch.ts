import { Command } from 'commander';
import {
  type Descriptor,
  fetchBytes,
  isIndexManifest,
  OciError,
  parseManifest,
  requireReference,
} from '@bpfship/oras-client';
import { descriptorData } from '../artifact/descriptor-data.ts';
import { fetchForPlatform } from '../artifact/platform.ts';
import { writeOutput } from '../artifact/write-output.ts';
import { CliError } from '../cli-error.ts';
import type { CommandContext, GetContext } from '../context.ts';
import { addExamples } from '../options/examples.ts';
import { addRegistryOptions, openReference, type RegistryOptionValues } from '../options/registry-options.ts';
import { toJson } from '../terminal/sanitize.ts';

interface Values extends RegistryOptionValues {
  descriptor?: boolean;
  pretty?: boolean;
  output?: string;
  platform?: string;
  ociLayout?: boolean;
}

function fetchCommand(name: string, alias: string): Command {
  return new Command(name)
    .alias(alias)
    .argument('<reference>', 'the artifact, by tag or digest')
    .option('--descriptor', 'print media type, digest and size instead')
    .option('--pretty', 'indent the JSON; the bytes differ from those that the digest is of')
    .option('-o, --output <file>', 'write it to a file; - is standard output')
    .option('--platform <platform>', 'of an index: what is for os/architecture[/variant]')
    .option('--oci-layout', 'the reference is an OCI layout folder');
}

/** `bpfship manifest fetch REFERENCE` */
export function createManifestFetchCommand(getContext: GetContext): Command {
  const command = fetchCommand('fetch', 'get')
    .summary('print a manifest')
    .description(
      'Prints a manifest or index byte for byte, verified. With --format json: its descriptor, and the manifest as "content".',
    );
  addExamples(addRegistryOptions(command), [
    ['Look at a manifest', 'bpfship manifest fetch --pretty ghcr.io/acme/exec-watch:1.0.0'],
    ['Its exact bytes', 'bpfship manifest fetch ghcr.io/acme/exec-watch:1.0.0 | sha256sum'],
    ['Media type, digest and size', 'bpfship manifest fetch --descriptor ghcr.io/acme/exec-watch:1.0.0'],
  ]);
  return command.action(async (reference: string, values: Values) => {
    const context = getContext();
    await using opened = await openReference(reference, values, context);
    const { platform } = values;
    const name = requireReference(opened);
    const found = await fetchForPlatform(opened.target, name, { platform, signal: context.signal });
    await printFetched({ location: opened.location, ...found }, values, context);
  });
}

/** `bpfship manifest fetch-config REFERENCE` */
export function createManifestFetchConfigCommand(getContext: GetContext): Command {
  const command = fetchCommand('fetch-config', 'get-config')
    .summary('print the config of a manifest')
    .description('Prints the config that a manifest names, byte for byte and verified; up to 4 MiB.');
  addExamples(addRegistryOptions(command), [
    ['The BTF index of a package', 'bpfship manifest fetch-config ghcr.io/acme/exec-watch:1.0.0'],
    ['An image’s config', 'bpfship manifest fetch-config --platform linux/amd64 docker.io/library/debian:13'],
    ['Into a file', 'bpfship manifest fetch-config -o config.json ghcr.io/acme/exec-watch:1.0.0'],
  ]);
  return command.action(async (reference: string, values: Values) => {
    const context = getContext();
    const { signal } = context;
    await using opened = await openReference(reference, values, context);
    const { platform } = values;
    const found = await fetchForPlatform(opened.target, requireReference(opened), { platform, signal });
    const manifest = parseManifest(found.bytes, found.descriptor);
    if (isIndexManifest(manifest)) {
      throw new OciError('ERR_OCI_INVALID_MANIFEST', `${opened.display} is an index, which has no config`, {
        hint: 'Name one of its manifests with --platform os/architecture, or by digest.',
      });
    }
    const bytes = await fetchBytes(opened.target, manifest.config, { signal });
    await printFetched({ location: opened.location, descriptor: manifest.config, bytes }, values, context);
  });
}

async function printFetched(
  { location, descriptor, bytes }: { location: string; descriptor: Descriptor; bytes: Uint8Array },
  { descriptor: onlyDescriptor, pretty, output }: Values,
  context: CommandContext,
): Promise<void> {
  const data = descriptorData(location, descriptor);
  const { mediaType, digest, size } = descriptor;
  if (output !== undefined && output !== '-') {
    if (onlyDescriptor)
      throw new CliError('ERR_CLI_USAGE', '--descriptor and --output exclude each other', 'Leave one out.');
    await writeOutput(output, pretty ? indented(bytes) : bytes, context);
    context.printer.result({
      text: `Wrote ${output}\nDigest: ${digest}`,
      data: { ...data, path: output },
      brief: digest,
    });
  } else if (onlyDescriptor) {
    const plain = { mediaType, digest, size };
    context.printer.result({ text: toJson(plain, pretty ? 2 : undefined), data: plain, brief: digest });
  } else if (context.options.format === 'json') {
    context.printer.result({ text: '', data: { ...data, content: parseJson(bytes) }, brief: '' });
  } else await writeOutput(output, pretty ? indented(bytes) : bytes, context);
}

function indented(bytes: Uint8Array): Uint8Array {
  const value = parseJson(bytes);
  return value === undefined ? bytes : Buffer.from(`${toJson(value, 2)}\n`);
}

/** @returns undefined for a config that is not JSON. */
function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return undefined;
  }
}
