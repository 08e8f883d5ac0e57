import { Command } from 'commander';
import { OciLayoutStore, parseReference, Registry } from '@bpfship/oras-client';
import { openRepository } from '../artifact/open-repository.ts';
import type { CommandContext, GetContext } from '../context.ts';
import { addExamples } from '../options/examples.ts';
import { addRegistryOptions, type RegistryOptionValues, remoteOptions } from '../options/registry-options.ts';
import { sanitizeLine } from '../terminal/sanitize.ts';

/** Tags that stand for a digest: lists of referrers, and signatures as cosign names them. */
const DIGEST_TAG = /^sha(?:256|512)-[a-f0-9]{64}/;

/** `bpfship repo` */
export function createRepoCommand(getContext: GetContext): Command {
  const command = new Command('repo')
    .alias('repository')
    .summary('list repositories and tags')
    .description('Lists what a registry has.');
  addExamples(command, [
    ['Repositories of a registry', 'bpfship repo ls harbor.example.com'],
    ['Tags of a repository', 'bpfship repo tags ghcr.io/acme/exec-watch'],
    ['Versions only', 'bpfship repo tags --exclude-digest-tags ghcr.io/acme/exec-watch'],
  ]);
  command.addCommand(createListCommand(getContext));
  command.addCommand(createTagsCommand(getContext));
  return command;
}

interface ListValues extends RegistryOptionValues {
  last?: string;
}

function createListCommand(getContext: GetContext): Command {
  const command = new Command('ls')
    .alias('list')
    .summary('list the repositories of a registry')
    .description(
      'Lists the repositories of a registry, or those below a namespace, where the registry has a catalog. Docker Hub and GHCR have none.',
    )
    .argument('<registry>', 'host and port, perhaps with a namespace: harbor.example.com/acme')
    .option('--last <repository>', 'begin after this repository');
  addExamples(addRegistryOptions(command), [
    ['All repositories', 'bpfship repo ls harbor.example.com'],
    ['Those of a namespace', 'bpfship repo ls harbor.example.com/acme'],
    ['For a script', 'bpfship repo ls 127.0.0.1:5000 --format json'],
  ]);
  return command.action(async (where: string, values: ListValues) => {
    const context = getContext();
    const { registry, namespace } = parseWhere(where);
    const prefix = namespace === undefined ? '' : `${namespace}/`;
    await using opened = new Registry(registry, await remoteOptions(values, context));
    const last = values.last === undefined ? undefined : `${prefix}${values.last}`;
    const repositories: string[] = [];
    const options = { signal: context.signal, ...(last === undefined ? {} : { last }) };
    for await (const name of opened.repositories(options)) if (name.startsWith(prefix)) repositories.push(name);
    printList(
      repositories.map((name) => name.slice(prefix.length)),
      { registry, repositories },
      context,
    );
  });
}

interface TagsValues extends RegistryOptionValues {
  last?: string;
  excludeDigestTags?: boolean;
  ociLayout?: boolean;
}

function createTagsCommand(getContext: GetContext): Command {
  const command = new Command('tags')
    .alias('show-tags')
    .summary('list the tags of a repository')
    .description('Lists the tags of a repository, in the order of the registry.')
    .argument('<repository>', 'registry and repository, such as ghcr.io/acme/exec-watch')
    .option('--last <tag>', 'begin after this tag')
    .option('--exclude-digest-tags', 'leave out tags such as sha256-…, which stand for lists of referrers')
    .option('--oci-layout', 'the repository is an OCI layout folder');
  addExamples(addRegistryOptions(command), [
    ['All tags', 'bpfship repo tags ghcr.io/acme/exec-watch'],
    ['Versions only', 'bpfship repo tags ghcr.io/acme/exec-watch --exclude-digest-tags'],
    ['In an OCI layout folder', 'bpfship repo tags --oci-layout build/exec-watch'],
  ]);
  return command.action(async (where: string, values: TagsValues) => {
    const context = getContext();
    const all = values.ociLayout ? await layoutTags(where, values) : await repositoryTags(where, values, context);
    const tags = values.excludeDigestTags ? all.filter((tag) => !DIGEST_TAG.test(tag)) : all;
    printList(tags, { tags }, context);
  });
}

async function repositoryTags(where: string, values: TagsValues, context: CommandContext): Promise<string[]> {
  await using opened = await openRepository(where, values, context);
  const tags: string[] = [];
  const last = values.last === undefined ? {} : { last: values.last };
  for await (const tag of opened.repository.tags({ referrersTags: true, signal: context.signal, ...last }))
    tags.push(tag);
  return tags;
}

async function layoutTags(path: string, { last }: TagsValues): Promise<string[]> {
  const tags = (await (await OciLayoutStore.open(path)).tags()).sort();
  return last === undefined ? tags : tags.filter((tag) => tag > last);
}

/** @throws {OciError} `ERR_OCI_INVALID_REFERENCE`. */
function parseWhere(where: string): { registry: string; namespace: string | undefined } {
  const plain = where.replace(/\/$/, '');
  const isRegistry = !plain.replace(/^oci:\/\//, '').includes('/');
  // A registry is what can stand before a repository.
  const { registry, repository } = parseReference(isRegistry ? `${plain}/x` : plain);
  return { registry, namespace: isRegistry ? undefined : repository };
}

function printList(names: readonly string[], data: unknown, { printer, options }: CommandContext): void {
  if (names.length === 0 && options.format !== 'json') {
    printer.status('There is none.');
    return;
  }
  const text = names.map(sanitizeLine).join('\n');
  printer.result({ text, data, brief: text });
}
