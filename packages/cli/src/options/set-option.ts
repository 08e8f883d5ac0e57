import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ParameterValue, ServiceParameter } from '@bpfship/media-types';
import { declaredParameter, readParameter } from '@bpfship/portability';

/** The option that gives load parameters. */
export function addSetOption(command: Command, group?: string): Command {
  const option = new Option('--set <name=value>', 'value of a load parameter; may be given several times');
  if (group !== undefined) option.helpGroup(group);
  return command.addOption(option.argParser(collect));
}

function collect(text: string, earlier: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf('=');
  const name = text.slice(0, at);
  if (at < 1) throw new InvalidArgumentError('It must be NAME=VALUE, such as only_pid=1.');
  if (Object.hasOwn(earlier, name)) throw new InvalidArgumentError(`"${name}" is set twice.`);
  return { ...earlier, [name]: text.slice(at + 1) };
}

/** Values of the load parameters, by the types that the service declares. @throws {PortabilityError} for an unknown name or a value beyond its type. */
export function readSettings(
  declared: readonly ServiceParameter[],
  given: Readonly<Record<string, string>> = {},
): Record<string, ParameterValue> {
  const values = Object.entries(given).map(([name, text]) => {
    const parameter = declaredParameter(declared, name);
    return [name, readParameter(parameter, text)] as const;
  });
  return Object.fromEntries(values);
}
