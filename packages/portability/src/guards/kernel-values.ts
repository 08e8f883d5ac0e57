import type { GuardValue, Requirement } from '@bpfship/media-types';
import { lookUp } from '../answer.ts';
import { hookAnswer } from '../facts-view.ts';
import type { KernelTypes } from '../kernel-types.ts';
import { parameterBytes, type Settings } from '../parameters/settings.ts';
import type { RuleContext } from '../rules/context.ts';
import { kconfigValue } from './kconfig-value.ts';

/** An address that the loader puts in: not 0, and otherwise not known. */
export interface KernelAddress {
  address: 'function' | 'variable' | 'symbol';
}

/** A value of the kernel: unsigned 64-bit, an address, or undefined where it is not known on this node. */
export type KernelValue = bigint | KernelAddress | undefined;

/** What values are read from. */
export interface KernelValueOptions {
  readonly context: RuleContext;
  /** The variant's. */
  readonly requirements: readonly Requirement[];
  readonly parameters: Settings;
}

/** The value that a loader on this node puts into the program (spec/guards.md, "Values"). */
export function kernelValue(value: GuardValue, options: KernelValueOptions): KernelValue {
  const { context } = options;
  if ('relocation' in value) return relocationValue(options.requirements[value.relocation], context);
  if ('symbol' in value) return symbolValue(value, context);
  if ('kconfig' in value) return kconfigValue(value, context.facts);
  if ('parameter' in value) return parameterValue(value, options.parameters, context.facts.byteOrder === 'little');
  const there = lookUp(context.facts.features, value.feature);
  return there === undefined ? undefined : BigInt(there);
}

function relocationValue(requirement: Requirement | undefined, context: RuleContext): KernelValue {
  if (requirement?.kind !== 'core-relocation' || !context.relocationTarget || !('spec' in requirement))
    return undefined;
  const { relocation, spec, accessSize } = requirement;
  const answer = context.relocationTarget.relocate(context.local, {
    relocation,
    typeId: spec[0],
    access: spec[1],
    ...(accessSize === undefined ? {} : { accessSize }),
  });
  return answer.outcome === 'resolved' ? answer.value : undefined;
}

/** Where the facts keep answers about symbols. */
const HOOKS = { function: 'kfunc', variable: 'ksym-typed', none: 'ksym' } as const;

/** A weak symbol, looked up as the loader does: functions and typed variables in BTF, all others in kallsyms. */
function symbolValue(
  { symbol, type }: Extract<GuardValue, { symbol: string }>,
  { facts, kernel }: RuleContext,
): KernelValue {
  const told = hookAnswer(facts, HOOKS[type ?? 'none'], symbol, kernel?.hasInModules);
  const listed = kernel && isInBtf(symbol, kernel);
  // BTF leaves out most symbols: only what must stand there is missing where it does not.
  const found = told ?? (type === undefined && listed === false ? undefined : listed);
  if (found === undefined) return undefined;
  return found ? { address: type ?? 'symbol' } : 0n;
}

/** In the kernel image; undefined where a module may have it that was not read. */
function isInBtf(symbol: string, kernel: KernelTypes): boolean | undefined {
  if (kernel.has('func', symbol) || kernel.has('var', symbol)) return true;
  return kernel.hasInModules('func', symbol) === undefined ? undefined : false;
}

type AskedParameter = Extract<GuardValue, { parameter: string }>;

/** Bytes of a parameter's variable; of one that is given and nobody declares, or beyond its type, nothing is known. */
function parameterValue(
  { parameter, offset, bytes, default: initial }: AskedParameter,
  { declared, given }: Settings,
  littleEndian: boolean,
): KernelValue {
  const value = lookUp(given, parameter);
  if (value === undefined) return BigInt(initial);
  const type = declared.find(({ name }) => name === parameter);
  const memory = type && parameterBytes(type, value, littleEndian);
  if (memory === undefined || offset + bytes > memory.length) return undefined;
  const read = memory.subarray(offset, offset + bytes);
  let result = 0n;
  for (const byte of littleEndian ? read.toReversed() : read) result = (result << 8n) | BigInt(byte);
  return result;
}
