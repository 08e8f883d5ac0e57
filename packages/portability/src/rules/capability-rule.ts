import type { CapabilityRequirement } from '@bpfship/media-types/requirement';
import { type Answer, unknown } from '../answer.ts';
import type { RuleContext } from './context.ts';

/**
 * `capability` (spec/selection.md, "Capabilities"). The facts tell of whoever read them, which need not be who loads: a capability that is
 * missing makes the verdict uncertain, and never more than that.
 */
export function checkCapability({ value }: CapabilityRequirement, { facts }: RuleContext): Answer {
  const { capabilities } = facts.privileges;
  if (capabilities === undefined || capabilities.includes(value) || capabilities.includes('CAP_SYS_ADMIN'))
    return 'met';
  return unknown(
    'capability-missing',
    `the reader of these facts lacks ${value}, which loading takes; whoever loads needs it`,
  );
}
