import { parseReference, Repository } from '@bpfship/oras-client';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import { type RegistryOptionValues, remoteOptions } from '../options/registry-options.ts';

/** A repository with what a reference says of it. */
export interface OpenedRepository extends AsyncDisposable {
  repository: Repository;
  /** Registry and repository. */
  location: string;
  /** Tag or digest; undefined where the reference has none. */
  reference: string | undefined;
  digest: string | undefined;
}

/** Opens the repository that a reference names. */
export async function openRepository(
  text: string,
  values: RegistryOptionValues,
  context: CommandContext,
): Promise<OpenedRepository> {
  const parsed = parseReference(text);
  const repository = new Repository(parsed, await remoteOptions(values, context));
  return {
    repository,
    location: `${parsed.registry}/${parsed.repository}`,
    reference: parsed.digest ?? parsed.tag,
    digest: parsed.digest,
    [Symbol.asyncDispose]: () => repository.close(),
  };
}

/** @throws {CliError} `ERR_CLI_USAGE` where the reference has no digest. */
export function requireDigest({ digest, location }: { digest: string | undefined; location: string }): string {
  if (digest !== undefined) return digest;
  throw new CliError(
    'ERR_CLI_USAGE',
    `a blob of ${location} is named by its digest`,
    `Write ${location}@sha256:…; "bpfship manifest fetch" shows the digests of an artifact.`,
  );
}
