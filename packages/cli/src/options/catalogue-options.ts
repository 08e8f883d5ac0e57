import { homedir } from 'node:os';
import { createHash } from 'node:crypto';
import { isAbsolute, join } from 'node:path';
import { type Command, Option } from 'commander';
import { fetchCatalogue } from '@bpfship/hub';
import type { Catalogue } from '@bpfship/media-types';
import { copy, type GraphTarget, isNotFound, OciLayoutStore, requireReference } from '@bpfship/oras-client';
import { verifyArtifact } from '@bpfship/trust';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import { addVerifyOptions, policyFrom, type VerifyOptionValues } from './key-options.ts';
import { addRegistryOptions, openReference, type RegistryOptionValues } from './registry-options.ts';

/** Values of the options that {@link addCatalogueOptions} adds. */
export interface CatalogueValues extends RegistryOptionValues, VerifyOptionValues {
  catalogue?: string;
  ociLayout?: boolean;
  offline?: boolean;
}

/** Options of the commands that read a catalogue. */
export function addCatalogueOptions(command: Command): Command {
  command.addOption(new Option('--catalogue <reference>', 'the catalogue to read').env('BPFSHIP_CATALOGUE'));
  command.option('--oci-layout', 'the catalogue is in an OCI layout folder');
  command.option('--offline', 'use what was fetched before, without a network');
  return addRegistryOptions(addVerifyOptions(command));
}

/** Reads the catalogue that the options name: from a folder, from a registry into the cache, or from the cache. Always verified. */
export async function openCatalogue(values: CatalogueValues, context: CommandContext): Promise<Catalogue> {
  if (values.catalogue === undefined) {
    throw new CliError(
      'ERR_CLI_USAGE',
      'nothing says which catalogue to read',
      'Name one with --catalogue REFERENCE or BPFSHIP_CATALOGUE.',
    );
  }
  const policy = await policyFrom(values, context);
  if (policy === undefined)
    throw new CliError('ERR_CLI_USAGE', 'a catalogue must be signed', 'Name its publisher’s key with --key FILE.');
  const read = async (target: GraphTarget, reference: string): Promise<Catalogue> => {
    const verify = async (subject: Parameters<typeof verifyArtifact>[0]['subject']): Promise<void> => {
      await verifyArtifact({ target, subject, policy, signal: context.signal });
    };
    return (await fetchCatalogue(target, reference, verify, { signal: context.signal })).catalogue;
  };
  if (values.ociLayout) {
    await using opened = await openReference(values.catalogue, values, context);
    return read(opened.target, requireReference(opened));
  }
  const cache = cacheFolder(context);
  const tag = createHash('sha256').update(values.catalogue).digest('hex').slice(0, 32);
  if (values.offline)
    return readCached(
      values.catalogue,
      () => OciLayoutStore.open(cache),
      (store) => read(store, tag),
    );
  const store = await OciLayoutStore.open(cache, { create: true });
  await using opened = await openReference(values.catalogue, values, context);
  await copy(opened.target, requireReference(opened), store, tag, { withReferrers: true, signal: context.signal });
  return read(store, tag);
}

async function readCached(
  name: string,
  open: () => Promise<OciLayoutStore>,
  read: (store: OciLayoutStore) => Promise<Catalogue>,
): Promise<Catalogue> {
  try {
    return await read(await open());
  } catch (cause) {
    // A damaged cache is told as what it is; only a catalogue that is not there asks for a fetch.
    if (!isNotFound(cause)) throw cause;
    throw new CliError(
      'ERR_CLI_NOT_FOUND',
      `the catalogue ${name} was not fetched yet`,
      'Search once without --offline.',
      { cause },
    );
  }
}

/** By the XDG base directory specification, relative paths are ignored. */
function cacheFolder({ streams }: CommandContext): string {
  const base = streams.env['XDG_CACHE_HOME'] ?? '';
  return join(isAbsolute(base) ? base : join(homedir(), '.cache'), 'bpfship', 'catalogues');
}
