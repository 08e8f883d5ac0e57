import { isParameterValue, parameterRange, type ParameterValue, type ServiceParameter } from '@bpfship/media-types';
import { PortabilityError } from '../portability-error.ts';

/**
 * A parameter's value from text, by its declared type: `true` or `false`, a number (decimal, or hexadecimal with 0x), or the text itself.
 *
 * @throws {PortabilityError} `ERR_PARAMETER_INVALID`, which names the parameter and its type.
 */
export function readParameter(parameter: ServiceParameter, text: string): ParameterValue {
  const value = valueOf(parameter, text);
  if (value !== undefined && isParameterValue(parameter, value)) return value;
  throw wrongValue(parameter, text);
}

/**
 * Holds parameters against what the index declares.
 *
 * @throws {PortabilityError} `ERR_PARAMETER_INVALID` for a name that is not declared, or a value that its type cannot hold.
 */
export function checkParameters(
  declared: readonly ServiceParameter[],
  given: Readonly<Record<string, ParameterValue>>,
): void {
  for (const [name, value] of Object.entries(given)) {
    const parameter = declaredParameter(declared, name);
    if (!isParameterValue(parameter, value)) throw wrongValue(parameter, String(value));
  }
}

/** @throws {PortabilityError} `ERR_PARAMETER_INVALID` where none has the name. */
export function declaredParameter(declared: readonly ServiceParameter[], name: string): ServiceParameter {
  const found = declared.find((parameter) => parameter.name === name);
  if (found) return found;
  const names = declared.map((parameter) => parameter.name).join(', ');
  throw new PortabilityError('ERR_PARAMETER_INVALID', `there is no parameter "${name}"`, {
    hint: names === '' ? 'The service declares no parameters.' : `It has: ${names}.`,
  });
}

function valueOf({ type }: ServiceParameter, text: string): ParameterValue | undefined {
  if (type === 'text') return text;
  if (type === 'bool') return text === 'true' ? true : text === 'false' ? false : undefined;
  if (!/^-?(0x[0-9a-fA-F]{1,16}|\d{1,20})$/.test(text)) return undefined;
  const number = text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text);
  return Number.isSafeInteger(Number(number)) ? Number(number) : String(number);
}

function wrongValue(parameter: ServiceParameter, text: string): PortabilityError {
  const { name, type, size = 0 } = parameter;
  const range = parameterRange(type);
  const takes = range
    ? `${type}, a number from ${range.min} to ${range.max}`
    : type === 'bool'
      ? 'bool, true or false'
      : `text of at most ${size - 1} bytes`;
  const shown = text.length > 64 ? `${text.slice(0, 64)}…` : text;
  return new PortabilityError('ERR_PARAMETER_INVALID', `parameter ${name} cannot be "${shown}": it is ${takes}`, {
    hint: `Give it a value of its type; the default is ${JSON.stringify(parameter.default)}.`,
  });
}
