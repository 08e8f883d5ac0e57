import { type Command, InvalidArgumentError, Option } from 'commander';
import { type AttachTargets, type ParameterChanges, parseValues } from '@bpfship/runtime-shim';
import { readTextFile } from '../files.ts';
import { addSetOption } from './set-option.ts';

/** Values of the options that {@link addParameterOptions} adds. */
export interface ParameterOptionValues {
  set?: Record<string, string>;
  unset?: string[];
  values?: string;
}

/** Options that set load parameters of a service. */
export function addParameterOptions(command: Command): Command {
  const group = 'Parameter options:';
  return addSetOption(command, group)
    .addOption(
      new Option('--unset <name>', 'give a load parameter its default again; may be given several times')
        .argParser(collect)
        .helpGroup(group),
    )
    .addOption(
      new Option('--values <file>', 'YAML or JSON with "parameters" and "attach"; options go before it').helpGroup(
        group,
      ),
    );
}

function collect(name: string, earlier: string[] = []): string[] {
  if (name === '' || name.includes('=')) throw new InvalidArgumentError('It must be the name of a parameter.');
  return [...earlier, name];
}

/** What the options and the values file say: load parameters, whose text is read as the service declares them, and the file's targets. */
export async function readValues({
  set = {},
  unset = [],
  values,
}: ParameterOptionValues): Promise<{ changes: ParameterChanges; attach: AttachTargets }> {
  const { parameters, attach } =
    values === undefined ? { parameters: {}, attach: {} } : await parseValues(await readTextFile(values), values);
  const texts = Object.entries(set).map(([name, text]) => [name, { text }] as const);
  return { changes: { parameters: { ...parameters, ...Object.fromEntries(texts) }, unset }, attach };
}
