import { isKnownRequirement, type KnownRequirement, type Requirement } from '@bpfship/media-types/requirement';
import { type Answer, unknown } from '../answer.ts';
import { checkMemoryAccess } from './access-rule.ts';
import { checkAttachTarget } from './attach-rules.ts';
import { checkCapability } from './capability-rule.ts';
import { checkContextField, checkHookArgument } from './context-rules.ts';
import type { RuleContext } from './context.ts';
import { checkLicence, isGplCompatible } from './licence-rules.ts';
import { checkCoreRelocation } from './relocation-rule.ts';
import { checkReturnValue } from './return-rules.ts';
import { checkKconfig, checkKfunc, checkKsym } from './symbol-rules.ts';
import { checkFeature, checkHelper, checkMapType, checkProgramType } from './type-rules.ts';

/** Holds one requirement against a kernel: one rule for each kind (spec/selection.md, "Rules"). */
export function checkRequirement(requirement: Requirement, context: RuleContext): Answer {
  if (!isKnownRequirement(requirement)) {
    const { kind } = requirement;
    return unknown(
      'requirement-kind-unknown',
      `this version of the standard does not know requirements of kind ${kind}`,
    );
  }
  const answer = checkKnown(requirement, context);
  return answer === 'met' && !isGplCompatible(context.license) ? checkLicence(requirement, context.license) : answer;
}

function checkKnown(requirement: KnownRequirement, context: RuleContext): Answer {
  switch (requirement.kind) {
    case 'program-type':
      return checkProgramType(requirement, context);
    case 'map-type':
      return checkMapType(requirement, context);
    case 'helper':
      return checkHelper(requirement, context);
    case 'attach-target':
      return checkAttachTarget(requirement, context);
    case 'feature':
      return checkFeature(requirement, context);
    case 'context-field':
      return checkContextField(requirement, context);
    case 'hook-argument':
      return checkHookArgument(requirement, context);
    case 'core-relocation':
      return checkCoreRelocation(requirement, context);
    case 'kconfig':
      return checkKconfig(requirement, context);
    case 'ksym':
      return checkKsym(requirement, context);
    case 'capability':
      return checkCapability(requirement, context);
    case 'return-value':
      return checkReturnValue(requirement);
    case 'kfunc':
      return checkKfunc(requirement, context);
    default:
      // The last kind; a further one does not fit this call's type.
      return checkMemoryAccess(requirement);
  }
}
