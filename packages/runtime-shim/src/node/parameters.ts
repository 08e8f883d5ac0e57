import { readBpfObject } from '@bpfship/bpf-object';
import { type BtfIndex, isParameterValue, type ParameterValue, type ServiceParameter } from '@bpfship/media-types';
import { checkParameters, declaredParameter, parameterBytes, readParameter } from '@bpfship/portability';
import type { VariableValue } from '../kernel/kernel.ts';
import { ShimError } from '../shim-error.ts';

/** A value of a load parameter as it is given: of its type, or text that is read by the declared type. */
export type GivenParameter = ParameterValue | { readonly text: string };

/** What a change of a service says of its load parameters. */
export interface ParameterChanges {
  /** Values to set, by name. Default: none beyond those that the running generation has. */
  parameters?: Readonly<Record<string, GivenParameter>> | undefined;
  /** Names that are to have their defaults again. */
  unset?: readonly string[] | undefined;
}

/** Values of load parameters by name; what is not in it has the default of its object. */
export type ParameterValues = Readonly<Record<string, ParameterValue>>;

/** A load parameter as a generation has it. */
export interface ParameterStatus extends Pick<ServiceParameter, 'name' | 'type' | 'default'> {
  value: ParameterValue;
  /** Whether somebody set it. */
  set: boolean;
}

/**
 * The load parameters of a new generation: what is given, and over an upgrade what the running one has. What the new version does not declare
 * any more is dropped, which is said.
 *
 * @param kept - values of the running generation.
 * @throws {PortabilityError} `ERR_PARAMETER_INVALID` for a name that is not declared or a value that its type cannot hold; {ShimError}
 *   `ERR_SHIM_PARAMETER` where a kept value fits its parameter no more.
 */
export function resolveParameters(
  { parameters: declared = [] }: Pick<BtfIndex, 'parameters'>,
  { parameters: given = {}, unset = [] }: ParameterChanges,
  kept: ParameterValues = {},
): { parameters: ParameterValues; warnings: string[] } {
  for (const name of unset) declaredParameter(declared, name);
  const values = Object.entries(given).map(([name, value]): [string, ParameterValue] => [
    name,
    typeof value === 'object' ? readParameter(declaredParameter(declared, name), value.text) : value,
  ]);
  checkParameters(declared, Object.fromEntries(values));
  const replaced = new Set([...unset, ...Object.keys(given)]);
  const warnings: string[] = [];
  const staying = Object.entries(kept).filter(([name, value]) => {
    if (replaced.has(name)) return false;
    const parameter = declared.find((candidate) => candidate.name === name);
    if (parameter === undefined) {
      warnings.push(`parameter ${name} is not declared any more; its value ${JSON.stringify(value)} was dropped`);
      return false;
    }
    if (!isParameterValue(parameter, value)) throw noLongerFits(parameter, value);
    return true;
  });
  return { parameters: Object.fromEntries([...staying, ...values]), warnings };
}

function noLongerFits({ name, type, size }: ServiceParameter, value: ParameterValue): ShimError {
  const now = size === undefined ? type : `${type} of ${size} bytes`;
  return new ShimError(
    'ERR_SHIM_PARAMETER',
    `parameter ${name} is ${now} in the new version, which cannot hold the value ${JSON.stringify(value)} that it has`,
    { hint: `Give it another one with --set ${name}=VALUE, or its default with --unset ${name}.` },
  );
}

/**
 * What the loader writes into the object's global data for the parameters, by the object's own symbols.
 *
 * @throws {ShimError} `ERR_SHIM_PARAMETER` where the object has no such variable: its index is wrong.
 */
export function parameterVariables(
  object: Uint8Array,
  { parameters: declared = [] }: Pick<BtfIndex, 'parameters'>,
  values: ParameterValues,
): VariableValue[] {
  const names = Object.keys(values);
  if (names.length === 0) return [];
  const { variables, littleEndian } = readBpfObject(object);
  return names.map((name) => {
    const parameter = declaredParameter(declared, name);
    const variable = variables.find((candidate) => candidate.name === name && candidate.map.startsWith('.rodata'));
    const bytes = parameterBytes(parameter, values[name] ?? parameter.default, littleEndian);
    if (variable !== undefined && bytes?.length === variable.size) {
      return { map: variable.map, offset: variable.offset, bytes };
    }
    throw new ShimError('ERR_SHIM_PARAMETER', `the object has no constant "${name}" as its BTF index declares it`, {
      hint: 'The package is inconsistent; ask its author to pack it again with "bpfship pack".',
    });
  });
}

/** The load parameters of a generation, as its index declares them. */
export function describeParameters(
  { parameters: declared = [] }: Pick<BtfIndex, 'parameters'>,
  values: ParameterValues = {},
): ParameterStatus[] {
  return declared.map(({ name, type, default: fallback }) => {
    const set = Object.hasOwn(values, name);
    return { name, type, default: fallback, value: (set ? values[name] : undefined) ?? fallback, set };
  });
}
