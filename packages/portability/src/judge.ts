import type { ParameterValue, Requirement, ServiceParameter, Variant } from '@bpfship/media-types';
import { type Answer, toFinding, unmet } from './answer.ts';
import { type AttachTargets, expandInterfaces, targetsOf } from './attach-targets.ts';
import type { KernelFacts } from './facts.ts';
import { openGuards } from './guards/open-guards.ts';
import { type KernelTypes, openLocalTypes } from './kernel-types.ts';
import { checkRequirement } from './rules/check-requirement.ts';
import type { RuleContext } from './rules/context.ts';
import { checkMap } from './rules/map-rules.ts';
import { checkTarget } from './rules/target-rules.ts';
import type { Certainty, Finding, Outcome, ProgramVerdict, Verdict } from './verdict.ts';

/** What {@link judge} holds a variant against. */
export interface JudgeOptions {
  readonly facts: KernelFacts;
  /** The kernel's BTF. Where `facts.btf.available` is false it is a supplement, which relocations alone may use. Default: none. */
  readonly types?: KernelTypes;
  /** Where programs are to attach. Default: not known. */
  readonly attachTargets?: AttachTargets;
  /** Load parameters by name. Default: the values that the object carries. */
  readonly parameters?: Readonly<Record<string, ParameterValue>>;
  /** What the index declares of them. Default: nothing. */
  readonly declared?: readonly ServiceParameter[];
}

/**
 * Holds one variant's requirements against kernel facts (spec/selection.md, "Verdict"). Pure and deterministic: same input, same
 * verdict, wherever it runs.
 */
export function judge(variant: Variant, options: JudgeOptions): Verdict {
  const { architecture } = variant.platform;
  const platform = platformFindings(variant, options.facts);
  const programs = platform ? [] : judgePrograms(variant, options);
  const findings = platform ?? inOrder(new Set(programs.flatMap((program) => program.findings)));
  return {
    variant: variant.name,
    layer: variant.layer,
    ...(architecture === undefined ? {} : { architecture }),
    ...summarise(findings),
    findings,
    programs,
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

/** A requirement that is not simply met, and what comes of it where it counts. */
interface OpenRequirement {
  requirement: Requirement;
  /** Its position in the index. */
  position: number;
  answer: Exclude<Answer, 'met'>;
}

function judgePrograms(
  variant: Variant,
  { facts, types, attachTargets = {}, parameters: given = {}, declared = [] }: JudgeOptions,
): ProgramVerdict[] {
  const context: RuleContext = {
    facts,
    license: variant.license,
    kernel: facts.btf.available ? types : undefined,
    relocationTarget: types,
    local: openLocalTypes(variant.types),
  };
  const open = variant.requirements.flatMap((requirement, position): OpenRequirement[] => {
    const answer = checkRequirement(requirement, context);
    return answer === 'met' ? [] : [{ requirement, position, answer }];
  });
  // The loader makes the maps of the whole object, whichever of its programs are loaded.
  const maps = variant.maps.flatMap((map): Finding[] => {
    const answer = checkMap(map);
    return answer === 'met' ? [] : [{ ...answer }];
  });
  const parameters = { declared, given };
  const known = facts.interfaces ? expandInterfaces(attachTargets, Object.keys(facts.interfaces)) : attachTargets;
  const guards = openGuards(variant, { context, requirements: variant.requirements, parameters });
  // One finding for each answer, however many programs it concerns.
  const findings = new Map<string, Finding>();
  const findingOf = ({ requirement, position }: OpenRequirement, answer: Exclude<Answer, 'met'>): Finding => {
    const key = `${position} ${answer.outcome} ${answer.code}`;
    const finding = findings.get(key) ?? toFinding(requirement, answer);
    findings.set(key, finding);
    return finding;
  };
  return variant.programs.map((program) => {
    const { name } = program;
    const concerning = open.flatMap((entry): Finding[] => {
      if (!concerns(entry, name)) return [];
      const answer = guards.answerIn(name, entry);
      return answer === 'met' ? [] : [findingOf(entry, answer)];
    });
    const targets = targetsOf(known, program).flatMap((target): Finding[] => {
      const answer = checkTarget(program, target, facts);
      return answer === 'met' ? [] : [{ ...answer }];
    });
    const own = inOrder([...maps, ...concerning, ...targets]);
    return { name, ...summarise(own), findings: own };
  });
}

/** The loader makes all maps and resolves all externs of an object before it loads any program of it (libbpf, bpf_object_load). */
const OBJECT_WIDE: ReadonlySet<string> = new Set(['map-type', 'kconfig', 'ksym']);

/** What the loader finds and the kernel does not, which looks for it as it loads the programs that ask for it (verifier.c, check_pseudo_btf_id). */
const KERNEL_SIDE: ReadonlySet<string> = new Set(['ksym-hidden']);

function concerns({ requirement, answer }: OpenRequirement, program: string): boolean {
  const { kind } = requirement;
  if (OBJECT_WIDE.has(kind) && !KERNEL_SIDE.has(answer.code)) return true;
  const { programs, weak } = requirement as { programs?: unknown; weak?: unknown };
  if (kind === 'kfunc' && weak === false && answer.code !== 'kfunc-not-callable') return true;
  // A later kind may name no programs: then it concerns all of them.
  return !Array.isArray(programs) || programs.includes(program);
}

/** Unmet first, then unknown, each in the order of the requirements. */
export function inOrder(findings: Iterable<Finding>): Finding[] {
  const all = [...findings];
  return [...all.filter(isUnmet), ...all.filter((finding) => !isUnmet(finding))];
}

function isUnmet({ outcome }: Finding): boolean {
  return outcome === 'unmet';
}

/** What findings come to. */
export function summarise(findings: readonly Finding[]): Pick<ProgramVerdict, 'outcome' | 'loads' | 'fires'> {
  const loads = certaintyOf(findings.filter(({ affects }) => affects === 'load'));
  // What does not load does not run, whatever else is known.
  return { outcome: outcomeOf(findings), loads, fires: certaintyOf(findings) };
}

function certaintyOf(findings: readonly Finding[]): Certainty {
  if (findings.some(isUnmet)) return 'no';
  return findings.length > 0 ? 'unknown' : 'yes';
}

function outcomeOf(findings: readonly Finding[]): Outcome {
  if (findings.some(isUnmet)) return 'refused';
  return findings.length > 0 ? 'uncertain' : 'loads';
}
