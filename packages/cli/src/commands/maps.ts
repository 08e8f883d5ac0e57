import { Command } from 'commander';
import { drawHistogram, mapColumns, type ServiceMap } from '@bpfship/runtime-shim';
import type { CommandContext, GetContext } from '../context.ts';
import { addExamples } from '../options/examples.ts';
import { wholeNumber } from '../options/numbers.ts';
import { addNodeOptions, checkServiceName, type NodeOptionValues, openLocalNode } from '../options/node-options.ts';
import { sanitizeLine } from '../terminal/sanitize.ts';
import { resultWidth } from '../terminal/streams.ts';
import { numberTable } from '../terminal/table.ts';

interface MapsValues extends NodeOptionValues {
  limit: number;
  cpus?: boolean;
  table?: boolean;
}

/** `bpfship maps SERVICE [MAP]` */
export function createMapsCommand(getContext: GetContext): Command {
  const command = new Command('maps')
    .summary('show what is in the maps of a service')
    .description(
      'Shows maps as tables whose columns come from BTF, and histograms drawn. Without a map: all that have entries. The values of per-CPU maps are added up.',
    )
    .argument('<service>', 'the installed service')
    .argument('[map]', 'one map')
    .option('--limit <number>', 'entries of a map at most', wholeNumber(1), 100)
    .option('--cpus', 'the values of per-CPU maps one by one')
    .option('--table', 'histograms as tables too');
  addExamples(addNodeOptions(command), [
    ['All maps', 'bpfship maps exec-watch'],
    ['One of them, as JSON', 'bpfship maps exec-watch executions --format json'],
    ['Value for value of each CPU', 'bpfship maps xdp-guard packets --cpus'],
  ]);
  return command.action(async (name: string, map: string | undefined, values: MapsValues) => {
    const context = getContext();
    const service = checkServiceName(name);
    await using node = await openLocalNode(values, context);
    const maps = await node.maps(service, { limit: values.limit, ...(map === undefined ? {} : { map }) });
    context.printer.result({
      text: () =>
        maps.map((each) => describe(each, values, context).join('\n')).join('\n\n') || 'No map has entries to list.',
      data: maps,
      brief: maps.map((each) => each.name).join('\n'),
    });
  });
}

function describe(map: ServiceMap, { cpus = false, table = false }: MapsValues, { streams }: CommandContext): string[] {
  const { name, type, maxEntries, entries, truncated, histograms } = map;
  const number = `${entries.length}${truncated ? ' and more' : ''} of at most ${maxEntries}`;
  const lines = [`${name} (${type}): ${number}`];
  if (histograms && !table) {
    for (const histogram of histograms) {
      if (histogram.title !== '') lines.push('', sanitizeLine(histogram.title));
      lines.push(...drawHistogram(histogram).map(sanitizeLine));
    }
    return lines;
  }
  if (entries.length === 0) return lines;
  const { names, right, rows } = mapColumns(entries, { cpus });
  const clean = rows.map((row) => row.map(sanitizeLine));
  return [...lines, numberTable([names, ...clean], right, resultWidth(streams))];
}
