import type { CoreRelocationRequirement } from '@bpfship/media-types';
import { type Answer, unknown, unmet } from '../answer.ts';
import type { RuleContext } from './context.ts';
import { withoutBtf } from './kernel-btf.ts';

/**
 * `core-relocation` (spec/selection.md, "Relocations"). A relocation that fails poisons its instruction, which guards may keep the verifier
 * from reaching. An error, such as an ambiguous candidate, stops the loader: no guard helps.
 */
export function checkCoreRelocation(requirement: CoreRelocationRequirement, context: RuleContext): Answer {
  const { relocation, type, access, accessSize, spec } = requirement;
  const what = access === '' ? type : `${type}.${access}`;
  // The loader wants the kernel's BTF for every object that carries relocations, guarded or local ones too.
  if (!context.relocationTarget) return withoutBtf(context, `relocation ${relocation} of ${what}`);
  const answer = context.relocationTarget.relocate(context.local, {
    relocation,
    typeId: spec[0],
    access: spec[1],
    ...(accessSize === undefined ? {} : { accessSize }),
  });
  if (answer.outcome === 'resolved') return 'met';
  if (answer.outcome === 'unknown') {
    if (!answer.mayPoison) return 'met';
    const modules = answer.unread.length === 1 ? `module ${answer.unread[0]}` : `${answer.unread.length} modules`;
    return unknown(
      'module-btf-unread',
      `${relocation} of ${what} finds nothing in the kernel image, and the BTF of ${modules} was not read`,
    );
  }
  if (answer.outcome === 'error')
    return unmet('relocation-error', `${relocation} of ${what} stops the loader: ${answer.reason}`);
  return unmet('relocation-poison', `${relocation} of ${what} finds nothing in this kernel`);
}
