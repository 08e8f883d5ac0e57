import { CName, MAX_PARAMETER_TEXT, type ParameterValue } from '@bpfship/media-types';
import type { AttachTargets } from '@bpfship/portability';
import { z } from 'zod';
import { ShimError } from '../shim-error.ts';
import { AttachTargetsSchema } from './target-schema.ts';

/** What a values file says of one service on one node. */
export interface Values {
  /** Load parameters by name. */
  parameters: Record<string, ParameterValue>;
  /** Where programs attach: program name, or `*`, to a target or a list of them. */
  attach: AttachTargets;
}

/** Bytes of a values file. */
const MAX_VALUES_SIZE: number = 1024 * 1024;
/** Aliases are bounded: a few lines of YAML can stand for gigabytes. */
const MAX_ALIASES = 100;

const ParameterValueSchema = z.union([z.boolean(), z.number(), z.string().max(MAX_PARAMETER_TEXT)]);

/** Unknown keys are errors: a misspelt key must not silently mean nothing. */
const ValuesSchema = z.strictObject({
  parameters: z.record(CName, ParameterValueSchema).default({}),
  attach: AttachTargetsSchema.default({}),
});

/**
 * Reads a values file: YAML or JSON, `{ parameters: { name: value }, attach: { program: target } }`.
 *
 * @param file - its name, for messages.
 * @throws {ShimError} `ERR_SHIM_VALUES`.
 */
export async function parseValues(text: string, file: string): Promise<Values> {
  if (text.length > MAX_VALUES_SIZE) throw invalid(file, `is larger than ${MAX_VALUES_SIZE} bytes`);
  // A daemon that reads none need not keep it in memory.
  const { parseDocument } = await import('yaml');
  const document = parseDocument(text, { uniqueKeys: true, intAsBigInt: true });
  const [syntax] = document.errors;
  if (syntax) throw invalid(file, `is neither YAML nor JSON: ${syntax.message.split('\n', 1)[0] ?? ''}`);
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: MAX_ALIASES, reviver: (_key, each: unknown) => plainNumber(each) });
  } catch {
    throw invalid(file, 'uses too many YAML aliases');
  }
  const result = ValuesSchema.safeParse(value ?? {});
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = issue?.path.join('.') ?? '';
  throw invalid(file, `is not right${path === '' ? '' : ` at "${path}"`}: ${issue?.message ?? ''}`);
}

/** Integers beyond 2^53 are text of decimal digits. */
function plainNumber(value: unknown): unknown {
  if (typeof value !== 'bigint') return value;
  return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
}

function invalid(file: string, what: string): ShimError {
  return new ShimError('ERR_SHIM_VALUES', `the values file ${file} ${what}`, {
    hint: 'It has "parameters" and "attach", such as: { parameters: { only_pid: 1 }, attach: { "*": { interfaceName: eth0 } } }',
  });
}
