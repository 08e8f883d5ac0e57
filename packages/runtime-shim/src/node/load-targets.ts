import type { LoadOptions } from '../kernel/kernel.ts';
import { ShimError } from '../shim-error.ts';
import type { Attachment } from './attachment.ts';

/** Types whose target is looked up when they are loaded, and not when they are attached. */
const AT_LOAD: ReadonlySet<string> = new Set(['tracing', 'lsm', 'ext']);

/**
 * Targets of programs that have to be known when they are loaded: of those that were given at run time.
 *
 * @throws {ShimError} `ERR_SHIM_ATTACH_TARGET` where such a program has several: it is loaded once, for one.
 */
export function loadTargets(attachments: readonly Attachment[]): NonNullable<LoadOptions['targets']> {
  const found = new Map<string, { symbol: string; programPin?: string }>();
  for (const { name, program, target } of attachments) {
    const { symbol, programPin } = target;
    if (!AT_LOAD.has(program.type) || symbol === undefined) continue;
    if (found.has(name)) {
      throw new ShimError('ERR_SHIM_ATTACH_TARGET', `program "${name}" can have one target, and several are given`, {
        hint: 'Programs of its type are loaded for the function that they are at: give one.',
      });
    }
    found.set(name, { symbol, ...(programPin === undefined ? {} : { programPin }) });
  }
  return Object.fromEntries(found);
}
