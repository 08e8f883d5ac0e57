import type { Variant } from '@bpfship/media-types';
import { type Answer, toFinding, unmet } from './answer.ts';
import type { KernelFacts } from './facts.ts';
import { type KernelTypes, openLocalTypes } from './kernel-types.ts';
import { checkRequirement } from './rules/check-requirement.ts';
import type { Finding, Outcome, Verdict } from './verdict.ts';

/** What {@link judge} holds a variant against. */
export interface JudgeOptions {
  readonly facts: KernelFacts;
  /** The kernel's BTF. Where `facts.btf.available` is false it is a supplement, which relocations alone may use. Default: none. */
  readonly types?: KernelTypes;
}

/**
 * Holds one variant's requirements against kernel facts (spec/selection.md, "Verdict"). Pure and deterministic: same input, same
 * verdict, wherever it runs.
 */
export function judge(variant: Variant, { facts, types }: JudgeOptions): Verdict {
  const findings = platformFindings(variant, facts) ?? requirementFindings(variant, facts, types);
  const { architecture } = variant.platform;
  return {
    variant: variant.name,
    layer: variant.layer,
    ...(architecture === undefined ? {} : { architecture }),
    outcome: outcomeOf(findings),
    findings,
  };
}

/** Where the platform does not fit, the requirements say nothing: they were derived for another one. */
function platformFindings({ platform }: Variant, facts: KernelFacts): Finding[] | undefined {
  const findings: Answer[] = [];
  if (platform.architecture !== undefined && platform.architecture !== facts.architecture) {
    findings.push(
      unmet('architecture', `compiled for ${platform.architecture}; this machine is ${facts.architecture}`),
    );
  }
  if (platform.byteOrder !== facts.byteOrder) {
    findings.push(
      unmet('byte-order', `compiled for ${platform.byteOrder} endian; this machine is ${facts.byteOrder} endian`),
    );
  }
  return findings.length > 0 ? findings.filter((answer) => answer !== 'met') : undefined;
}

function requirementFindings(variant: Variant, facts: KernelFacts, types: KernelTypes | undefined): Finding[] {
  const context = {
    facts,
    kernel: facts.btf.available ? types : undefined,
    relocationTarget: types,
    local: openLocalTypes(variant.types),
  };
  const findings: Finding[] = [];
  for (const requirement of variant.requirements) {
    const answer = checkRequirement(requirement, context);
    if (answer !== 'met') findings.push(toFinding(requirement, answer));
  }
  return [...findings.filter(isUnmet), ...findings.filter((finding) => !isUnmet(finding))];
}

function isUnmet({ outcome }: Finding): boolean {
  return outcome === 'unmet';
}

function outcomeOf(findings: readonly Finding[]): Outcome {
  if (findings.some(isUnmet)) return 'refused';
  return findings.length > 0 ? 'uncertain' : 'loads';
}
