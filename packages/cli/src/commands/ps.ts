import type { MapEntry } from '@bpfship/runtime-shim';
import { Command } from 'commander';
import type { GetContext } from '../context.ts';
import { addExamples } from '../options/examples.ts';
import { addNodeOptions, checkServiceName, type NodeOptionValues, openLocalNode } from '../options/node-options.ts';
import { formatEvent } from '../terminal/format-event.ts';
import { table } from '../terminal/table.ts';
import type { Switching, XdpUse } from '@bpfship/runtime-shim';

/** Entries of one map that `status --maps` shows. */
const MAP_ENTRIES = 20;

/** `bpfship ps` */
export function createPsCommand(getContext: GetContext): Command {
  const command = new Command('ps')
    .alias('list')
    .summary('list installed services')
    .description('Lists the services that are installed on this node.');
  addExamples(addNodeOptions(command), [
    ['As a table', 'bpfship ps'],
    ['As JSON', 'bpfship ps --format json'],
    ['Only names', 'bpfship ps -q'],
  ]);
  return command.action(async (values: NodeOptionValues) => {
    const context = getContext();
    await using node = await openLocalNode(values, context);
    const { services, damaged } = await node.listReadable();
    context.printer.result({
      text: () =>
        services.length + damaged.length === 0
          ? 'No service is installed.'
          : table([
              ['SERVICE', 'VERSION', 'VARIANT', 'GENERATION', 'STATE', 'PROGRAMS', 'DIGEST'],
              ...services.map((service) => [
                service.name,
                service.version,
                service.variant,
                String(service.generation),
                service.state,
                String(service.programs),
                service.digest.slice(0, 19),
              ]),
            ]),
      data: services,
      brief: services.map(({ name }) => name).join('\n'),
    });
    for (const { error } of damaged.slice(1)) context.printer.warn(error.message);
    if (damaged[0]) throw damaged[0].error;
  });
}

/** `bpfship status SERVICE` */
export function createStatusCommand(getContext: GetContext): Command {
  const command = new Command('status')
    .summary('show a service in detail')
    .description('Shows the generations, programs, links and maps of a service, as they really are in the kernel.')
    .argument('<service>', 'the installed service')
    .option('--maps', 'show what is in its maps');
  addExamples(addNodeOptions(command), [
    ['In detail', 'bpfship status exec-watch'],
    ['With the contents of its maps', 'bpfship status xdp-guard --maps'],
    ['As JSON', 'bpfship status exec-watch --format json'],
  ]);
  return command.action(async (name: string, values: NodeOptionValues & { maps?: boolean }) => {
    const context = getContext();
    const service = checkServiceName(name);
    await using node = await openLocalNode(values, context);
    const status = await node.status(service);
    const contents: Record<string, MapEntry[]> = {};
    for (const map of values.maps ? status.maps : []) {
      const entries = await node.dumpMap(status.name, map.name, MAP_ENTRIES);
      if (entries) contents[map.name] = entries;
    }
    const lines = [
      `${status.name} ${status.version}, variant ${status.variant}, ${status.state}`,
      `Digest: ${status.digest}`,
      `Source: ${status.source}`,
      ...(status.parameters.length === 0 ? [] : ['Parameters:']),
      ...status.parameters.map(
        (parameter) => `  ${parameter.name} = ${JSON.stringify(parameter.value)}${parameter.set ? '' : ' (default)'}`,
      ),
      'Generations:',
      ...status.generations.map(
        ({ id, version, variant, current, health }) =>
          `  ${current ? '*' : ' '} ${id}: ${version}, variant ${variant}${health === undefined ? '' : `, health ${health.verdict}`}`,
      ),
      'Programs:',
      ...status.programs.map(
        ({ name: program, hook, id, state, switching, link, xdp }) =>
          `  ${program} at ${hook}${id === undefined ? '' : `, id ${id}`}, ${state}${describeWay(link)}${describeSwitching(switching)}${describeXdp(xdp)}`,
      ),
      'Maps:',
      ...status.maps.flatMap((map) => [
        `  ${map.name} (${map.type}, ${map.pin})`,
        ...(contents[map.name] ?? []).map((entry) => `    ${formatEvent({ ...entry })}`),
      ]),
    ];
    context.printer.result({
      text: lines.join('\n'),
      data: values.maps ? { ...status, contents } : status,
      brief: status.state,
    });
  });
}

/** How an XDP program has its interface. */
function describeXdp(xdp: XdpUse | undefined): string {
  if (xdp === undefined) return '';
  if (xdp.use === 'exclusive') return ', alone on its interface';
  const { position, of, priority, chainCalls } = xdp;
  return `, ${position} of ${of} on its interface (priority ${priority}, the next one runs after ${chainCalls.join(', ')})`;
}

/** What holds a program at its hook, where that is no link. */
const WAYS: Readonly<Record<string, string>> = {
  'perf-event-array': 'without a link: a pinned map keeps its perf events',
  holder: 'without a link: a process of its own holds its descriptors',
  'tc-filter': 'without a link: by a classifier',
  netlink: 'without a link: by netlink',
  'program-attach': 'without a link',
  'registered-map': 'without a link: its map is registered',
};

function describeWay(link: { way: string } | undefined): string {
  const words = link && WAYS[link.way];
  return words === undefined ? '' : `, ${words}`;
}

/** How a program gives way to another one in an upgrade. */
function describeSwitching(switching: Switching | undefined): string {
  if (switching === undefined) return '';
  const words = { 'in-place': 'in place', stub: 'by a stub', overlap: 'by overlap', gap: 'with a gap' };
  return `, switches ${words[switching.way]}${switching.why === undefined ? '' : ` (${switching.why})`}`;
}
