import type {
  FeatureRequirement,
  HelperRequirement,
  MapTypeRequirement,
  ProgramTypeRequirement,
} from '@bpfship/media-types';
import { about, type Answer, lookUp, type Tristate, unknown, unmet } from '../answer.ts';
import { FEATURES_SINCE } from '../since/features.ts';
import { HELPERS_SINCE } from '../since/helpers.ts';
import { MAP_TYPES_SINCE, PROGRAM_TYPES_SINCE } from '../since/types.ts';
import type { RuleContext } from './context.ts';
import { withoutBtf } from './kernel-btf.ts';

/** Whether an enum of the kernel's UAPI has the enumerator; undefined where the BTF or the enum is not there to ask. */
function inEnum(context: RuleContext, enumName: string, enumerator: string): Tristate {
  return context.kernel?.enumerators(enumName)?.has(enumerator);
}

/**
 * A type that the kernel's source does not know is missing. One that it knows may still have been left out by the kernel's options
 * (`BPF_PROG_TYPE_LSM` without `CONFIG_BPF_LSM`), so the enumerator alone proves nothing (spec/selection.md, "Types").
 */
function typeAnswer(
  probed: Tristate,
  listed: () => Tristate,
  what: 'program-type' | 'map-type',
  name: string,
  since?: string,
): Answer {
  const noun = what.replace('-', ' ');
  if (probed === true) return 'met';
  if (probed === false) return unmet(`${what}-missing`, `the kernel has no ${noun} ${name}`, since);
  // Asked last: the enumerators of a kernel cost more to read than the rest of this rule.
  if (listed() === false) return unmet(`${what}-missing`, `the kernel's BTF does not know the ${noun} ${name}`, since);
  return unknown(`${what}-unknown`, `it was not probed whether the kernel has the ${noun} ${name}`, since);
}

/** `program-type` (spec/selection.md, "Types"). */
export function checkProgramType({ value }: ProgramTypeRequirement, context: RuleContext): Answer {
  const listed = (): Tristate => inEnum(context, 'bpf_prog_type', `BPF_PROG_TYPE_${value.toUpperCase()}`);
  const answer = typeAnswer(
    lookUp(context.facts.programTypes, value),
    listed,
    'program-type',
    value,
    PROGRAM_TYPES_SINCE.get(value),
  );
  // Which program it replaces a function of is said only when it is loaded.
  return answer === 'met' && value === 'ext'
    ? unknown('replaced-program-unknown', 'the program that it replaces a function of is named when it is loaded')
    : answer;
}

/** `map-type` (spec/selection.md, "Types"). */
export function checkMapType({ value }: MapTypeRequirement, context: RuleContext): Answer {
  const listed = (): Tristate => inEnum(context, 'bpf_map_type', `BPF_MAP_TYPE_${value.toUpperCase()}`);
  return typeAnswer(lookUp(context.facts.mapTypes, value), listed, 'map-type', value, MAP_TYPES_SINCE.get(value));
}

/** `helper`: callable itself, or through the one that the loader puts in its place (spec/selection.md, "Helpers"). */
export function checkHelper({ value, programType, form, orElse }: HelperRequirement, context: RuleContext): Answer {
  const wanted = [value, ...(orElse === undefined ? [] : [orElse])];
  const states = wanted.map((helper) => helperState(helper, { programType, form }, context));
  if (states.includes(true)) return 'met';
  const since = HELPERS_SINCE.get(value);
  const names = wanted.join(' nor ');
  const described = form === undefined ? programType : `${programType} (${form})`;
  if (states.every((state) => state === false)) {
    const verb = wanted.length > 1 ? `neither ${names} is callable` : `helper ${names} is not callable`;
    return unmet('helper-missing', `${verb} from ${described} programs`, since);
  }
  return unknown('helper-unknown', `it was not probed whether ${described} programs may call ${value}`, since);
}

/** The UAPI enum lists helpers without saying from which program type they may be called: it can deny, never confirm. */
function helperState(
  helper: string,
  { programType, form }: { programType: string; form: string | undefined },
  context: RuleContext,
): Tristate {
  const { helpers } = context.facts;
  const ofForm = form === undefined ? undefined : lookUp(lookUp(helpers, `${programType}/${form}`), helper);
  const probed = ofForm ?? lookUp(lookUp(helpers, programType), helper);
  if (probed !== undefined) return probed;
  const listed = inEnum(context, 'bpf_func_id', `BPF_FUNC_${helper.replace(/^bpf_/, '')}`);
  return listed === false ? false : undefined;
}

/** `feature` (spec/selection.md, "Features"). */
export function checkFeature({ value }: FeatureRequirement, context: RuleContext): Answer {
  const { facts } = context;
  // What needs the kernel's own BTF, where a supplement stands in for it, says so in its own requirement.
  if (value === 'kernel-btf')
    return facts.btf.available || context.relocationTarget ? 'met' : withoutBtf(context, 'the variant');
  // Whether it is there then, nobody can say now.
  if (value === 'target-given-later')
    return unknown('target-unknown', 'the function or hook that the program goes to is named when it is loaded');
  const there = lookUp(facts.features, value);
  if (there === true) return 'met';
  const since = FEATURES_SINCE.get(value);
  const answer =
    there === false
      ? unmet('feature-missing', `the kernel lacks the feature ${value}`, since)
      : unknown('feature-unknown', `it was not probed whether the kernel has the feature ${value}`, since);
  return about(ATTACH_FEATURES.has(value) ? 'attach' : 'load', answer);
}

/** Kinds of links: a kernel that does not know one loads its programs all the same. */
const ATTACH_FEATURES: ReadonlySet<string> = new Set([
  'tcx',
  'netkit',
  'kprobe-multi',
  'kprobe-session',
  'uprobe-multi',
  'uprobe-session',
]);
