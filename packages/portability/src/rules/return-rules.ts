import type { ReturnValueRequirement } from '@bpfship/media-types/requirement';
import { type Answer, unmet } from '../answer.ts';

/** `return-value`: what is listed is what no kernel takes (spec/selection.md, "Return values"). */
export function checkReturnValue({ value, hook }: ReturnValueRequirement): Answer {
  const what = value === 'unset' ? 'end without a value' : `return ${value}`;
  return unmet('return-value', `programs of ${hook} must not ${what}, and this one does`);
}
