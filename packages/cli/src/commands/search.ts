import { Command, Option } from 'commander';
import type { CatalogueEntry } from '@bpfship/media-types';
import { searchCatalogue } from '@bpfship/hub';
import { CliError } from '../cli-error.ts';
import type { GetContext } from '../context.ts';
import { addCatalogueOptions, type CatalogueValues, openCatalogue } from '../options/catalogue-options.ts';
import { addExamples } from '../options/examples.ts';
import { readNodeInfo } from '../node-info.ts';
import { printFacts } from './facts.ts';
import { table } from '../terminal/table.ts';

/** `bpfship search WORDS` */
export function createSearchCommand(getContext: GetContext): Command {
  const command = new Command('search')
    .summary('search a catalogue for services')
    .description(
      'Searches a signed catalogue: a reference, or a folder. What was fetched once is searched without a network with --offline.',
    )
    .argument('[words...]', 'words that must occur in name, description, hooks or helpers')
    .option('--hook <hook>', 'only services with this hook, e.g. xdp or raw-tracepoint:sched_process_exec')
    .option('--arch <architecture>', 'only services for this CPU architecture, e.g. arm64')
    .option('--all-versions', 'every version instead of the newest');
  addExamples(addCatalogueOptions(command), [
    ['Search by word', 'bpfship search exec --catalogue ghcr.io/acme/catalogue:latest --key acme.pub'],
    [
      'Search by hook, without a network',
      'bpfship search --hook xdp --catalogue ghcr.io/acme/catalogue:latest --key acme.pub --offline',
    ],
    ['A catalogue in a folder', 'bpfship search exec --catalogue ./catalogue:latest --oci-layout --key acme.pub'],
  ]);
  return command.action(
    async (words: string[], values: CatalogueValues & { hook?: string; arch?: string; allVersions?: boolean }) => {
      const context = getContext();
      const catalogue = await openCatalogue(values, context);
      const results = searchCatalogue(catalogue, {
        text: words.join(' '),
        allVersions: values.allVersions ?? false,
        ...(values.hook === undefined ? {} : { hook: values.hook }),
        ...(values.arch === undefined ? {} : { architecture: values.arch }),
      }).map(({ entry }) => entry);
      context.printer.result({
        text: () =>
          results.length === 0
            ? `No service in the catalogue "${catalogue.name}" (as of ${catalogue.created}) matches.`
            : table([
                ['NAME', 'VERSION', 'REPOSITORY', 'VARIANTS', 'DESCRIPTION'],
                ...results.map((entry) => [
                  entry.name,
                  entry.version,
                  entry.repository,
                  String(entry.variants.length),
                  entry.description ?? '',
                ]),
              ]),
        data: { catalogue: catalogue.name, created: catalogue.created, results },
        brief: results.map(({ repository, digest }) => `${repository}@${digest}`).join('\n'),
      });
    },
  );
}

/** `bpfship info [NAME]` */
export function createInfoCommand(getContext: GetContext): Command {
  const command = new Command('info')
    .summary('show this node, or a service of a catalogue')
    .description(
      'Without a name: this node’s kernel, libbpf and rights. With a name: what a catalogue knows of that service.',
    )
    .argument('[name]', 'a service in the catalogue');
  command.addOption(new Option('--facts', 'the same as "bpfship facts"').conflicts(['catalogue']));
  addExamples(addCatalogueOptions(command), [
    ['This node', 'bpfship info'],
    ['For scripts', 'bpfship info --format json'],
    ['A service', 'bpfship info exec-watch --catalogue ghcr.io/acme/catalogue:latest --key acme.pub'],
  ]);
  return command.action(async (name: string | undefined, values: CatalogueValues & { facts?: boolean }) => {
    const context = getContext();
    if (name === undefined) {
      if (values.facts) {
        await printFacts(context, 'compact');
        return;
      }
      const info = await readNodeInfo();
      context.printer.result({ text: info.text, data: info.data, brief: info.facts.release });
      return;
    }
    const catalogue = await openCatalogue(values, context);
    const entries = searchCatalogue(catalogue, { allVersions: true })
      .map(({ entry }) => entry)
      .filter((entry) => entry.name === name);
    if (entries.length === 0) {
      throw new CliError(
        'ERR_CLI_NOT_FOUND',
        `the catalogue "${catalogue.name}" has no service "${name}"`,
        `"bpfship search" lists what it has.`,
      );
    }
    context.printer.result({
      text: () => entries.map(describeEntry).join('\n\n'),
      data: { catalogue: catalogue.name, created: catalogue.created, entries },
      brief: entries.map(({ repository, digest }) => `${repository}@${digest}`).join('\n'),
    });
  });
}

function describeEntry(entry: CatalogueEntry): string {
  const variants = entry.variants.map((variant) => [
    `  ${variant.name}`,
    variant.architecture ?? `any ${variant.byteOrder}-endian`,
    variant.hooks.join(', '),
    variant.mapTypes.join(', '),
  ]);
  return [
    `${entry.name} ${entry.version}${entry.licenses === undefined ? '' : ` (${entry.licenses})`}`,
    ...(entry.description === undefined ? [] : [entry.description]),
    `Reference: ${entry.repository}@${entry.digest}`,
    `Tags: ${entry.tags.join(', ')}`,
    `Signed by: ${entry.signers.join(', ') || 'nobody'}`,
    ...(entry.source === undefined ? [] : [`Source: ${entry.source}`]),
    table([['  VARIANT', 'CPU', 'HOOKS', 'MAP TYPES'], ...variants]),
  ].join('\n');
}
