import { isParameterValue, type ParameterValue, type ServiceParameter } from '@bpfship/media-types/parameter';
import { lookUp } from '../answer.ts';

/** Load parameters: what the index declares, and what is given. */
export interface Settings {
  readonly declared: readonly ServiceParameter[];
  readonly given: Readonly<Record<string, ParameterValue>>;
}

/** What differs from the declared default: to give the default is to give nothing. */
export function withoutDefaults(
  declared: readonly ServiceParameter[],
  given: Settings['given'],
): Record<string, ParameterValue> {
  const defaults = new Map(declared.map((parameter) => [parameter.name, parameter.default]));
  return Object.fromEntries(
    Object.keys(given).flatMap((name): [string, ParameterValue][] => {
      const value = lookUp(given, name);
      return value === undefined || defaults.get(name) === value ? [] : [[name, value]];
    }),
  );
}

/** Bytes of a parameter's variable with that value; undefined where its type cannot hold it. */
export function parameterBytes(
  parameter: ServiceParameter,
  value: ParameterValue,
  littleEndian: boolean,
): Uint8Array | undefined {
  if (!isParameterValue(parameter, value)) return undefined;
  const { type, size = 1 } = parameter;
  if (type === 'text') {
    const bytes = new Uint8Array(size);
    bytes.set(new TextEncoder().encode(String(value)));
    return bytes;
  }
  const bytes = new Uint8Array(type === 'bool' ? 1 : Number(type.slice(1)) / 8);
  let rest = BigInt.asUintN(64, BigInt(value));
  for (let at = 0; at < bytes.length; at++, rest >>= 8n) bytes[at] = Number(rest & 0xffn);
  return littleEndian ? bytes : bytes.toReversed();
}
