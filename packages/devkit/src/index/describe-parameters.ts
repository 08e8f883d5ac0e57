import { type BpfObject, type Btf, type BtfType, readBpfObject } from '@bpfship/bpf-object';
import type { ParameterType, ParameterValue, ServiceParameter } from '@bpfship/media-types';
import type { BuiltObject } from '../build/built-project.ts';
import { DevkitError } from '../devkit-error.ts';
import type { ProjectParameter } from '../project/project.ts';

/**
 * The load parameters of a service, as the BTF index declares them: names and descriptions are the author's, types and defaults those of the
 * variables in the objects.
 *
 * @throws {DevkitError} `ERR_OBJECT_INVALID` where an object lacks one, it is no `const volatile` variable of a type that parameters have, or
 *   objects differ.
 */
export function describeParameters(
  objects: readonly BuiltObject[],
  declared: readonly ProjectParameter[],
): ServiceParameter[] {
  if (declared.length === 0) return [];
  const read = objects.map((built) => ({ built, object: readBpfObject(built.bytes) }));
  return declared.map((parameter) => {
    const forms = read.map(({ built, object }) => ({ built, described: describe(built, object, parameter) }));
    const [first] = forms;
    if (first === undefined) throw new RangeError('a built project has objects');
    for (const { built, described } of forms) {
      if (JSON.stringify(described) === JSON.stringify(first.described)) continue;
      const [other, own] = [first.described, described].map((one) => `${one.type} ${JSON.stringify(one.default)}`);
      const what = `has the parameter "${parameter.name}" as ${own}, and variant "${first.built.variant}" as ${other}`;
      throw invalid(built, what, 'Give the variable the same type and value in all variants.');
    }
    return first.described;
  });
}

function describe(
  built: BuiltObject,
  object: BpfObject,
  { name, description, ...declared }: ProjectParameter,
): ServiceParameter {
  const variable = object.variables.find((candidate) => candidate.name === name && candidate.map.startsWith('.rodata'));
  const id = object.btf?.typesNamed(name, 'var')[0];
  const data = object.maps.find((map) => map.name === variable?.map)?.data;
  if (!object.btf || id === undefined || !variable || !data) {
    const hint = `Write it outside of functions: const volatile __u32 ${name} = 0;`;
    throw invalid(built, `has no read-only variable "${name}", which "parameters" names`, hint);
  }
  const { type, isVolatile } = variableType(object.btf, id);
  if (!isVolatile) {
    const hint = `Without volatile the compiler writes its value into the instructions: const volatile … ${name}`;
    throw invalid(built, `has a variable "${name}" that is not volatile, which "parameters" names`, hint);
  }
  const form = formOf(object.btf, type);
  if (
    form === undefined ||
    variable.size !== (form.size ?? (form.type === 'bool' ? 1 : Number(form.type.slice(1)) / 8))
  ) {
    const hint = 'Parameters are integers of 1, 2, 4 or 8 bytes, enums, bool, or char arrays of at most 4096 bytes.';
    throw invalid(built, `has a variable "${name}" of a type that no parameter has`, hint);
  }
  const bytes = data.subarray(variable.offset, variable.offset + variable.size);
  const value = valueOf(form.type, bytes, object.littleEndian);
  if (value === undefined) throw invalid(built, `has in "${name}" what is no text`, 'End it with a 0; use UTF-8.');
  if (declared.default !== undefined && declared.default !== value) {
    const what = `has ${JSON.stringify(value)} in "${name}", and "parameters" says ${JSON.stringify(declared.default)}`;
    throw invalid(built, what, 'Make the default in the project file and the value in the source the same.');
  }
  const described: ServiceParameter = { name, ...form, default: value };
  return description === undefined ? described : { ...described, description };
}

/** Links of qualifiers and typedefs that are followed; real code has a handful. */
const MAX_CHAIN = 64;

/** The type behind a variable's qualifiers, and whether volatile is one of them. */
function behind(btf: Btf, id: number): { type: BtfType; isVolatile: boolean } {
  let type = btf.type(id);
  let isVolatile = type.kind === 'volatile';
  for (let link = 0; link < MAX_CHAIN && 'type' in type && type.kind !== 'ptr'; link++) {
    type = btf.type(type.type);
    if (type.kind === 'volatile') isVolatile = true;
  }
  return { type, isVolatile };
}

/** Qualifiers of an array stand at its elements. */
function variableType(btf: Btf, id: number): { type: BtfType; isVolatile: boolean } {
  const { type, isVolatile } = behind(btf, id);
  return { type, isVolatile: isVolatile || (type.kind === 'array' && behind(btf, type.elementType).isVolatile) };
}

function formOf(btf: Btf, type: BtfType): { type: ParameterType; size?: number } | undefined {
  if (type.kind === 'array') {
    const { type: element } = behind(btf, type.elementType);
    const isText = element.kind === 'int' && element.size === 1 && !element.isBool;
    return isText && type.length >= 1 && type.length <= 4096 ? { type: 'text', size: type.length } : undefined;
  }
  if (type.kind === 'int' && type.isBool) return { type: 'bool' };
  if (type.kind !== 'int' && type.kind !== 'enum' && type.kind !== 'enum64') return undefined;
  const name = `${type.signed ? 's' : 'u'}${type.size * 8}`;
  return isNumberType(name) ? { type: name } : undefined;
}

function isNumberType(name: string): name is Exclude<ParameterType, 'bool' | 'text'> {
  return /^[us](8|16|32|64)$/.test(name);
}

function valueOf(type: ParameterType, bytes: Uint8Array, littleEndian: boolean): ParameterValue | undefined {
  if (type === 'text') return textOf(bytes);
  let number = 0n;
  for (const byte of littleEndian ? bytes.toReversed() : bytes) number = (number << 8n) | BigInt(byte);
  if (type === 'bool') return number !== 0n;
  if (type.startsWith('s')) number = BigInt.asIntN(bytes.length * 8, number);
  return Number.isSafeInteger(Number(number)) ? Number(number) : String(number);
}

function textOf(bytes: Uint8Array): string | undefined {
  const end = bytes.indexOf(0);
  try {
    return end < 0 ? undefined : new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, end));
  } catch {
    return undefined;
  }
}

function invalid({ path, variant }: BuiltObject, what: string, hint: string): DevkitError {
  return new DevkitError('ERR_OBJECT_INVALID', `the object ${path} of variant "${variant}" ${what}`, {
    file: path,
    hint,
  });
}
