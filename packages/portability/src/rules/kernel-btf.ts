import { type Answer, unknown, unmet } from '../answer.ts';
import type { RuleContext } from './context.ts';

/**
 * The answer where a rule needs the kernel's BTF and has none: refused where the kernel carries none, unknown where it does but its
 * bytes were not handed over (spec/selection.md, "Kernel BTF").
 */
export function withoutBtf({ facts }: RuleContext, what: string): Answer {
  return facts.btf.available
    ? unknown('kernel-btf-unread', `${what} needs the kernel's BTF, which was not read`)
    : unmet('kernel-btf', `${what} needs the kernel's BTF, and this kernel carries none`);
}
