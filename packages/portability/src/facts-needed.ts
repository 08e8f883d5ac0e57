import type { GuardOperand, Requirement, Variant } from '@bpfship/media-types';

/** Features that following any guard graph asks for (spec/guards.md, "Verifier abilities"). */
const FOR_EVERY_GRAPH = ['stack-scalar-spills', 'readonly-map-constants', 'nonnull-btf-pointers'];
/** Features that arguments of hooks ask for. */
const POINTER_ARGUMENTS = [
  'number-pointer-arguments',
  'const-void-pointer-arguments',
  'pointer-pointer-arguments',
  'narrow-pointer-arguments',
];
/** Names that the loader answers by itself, and the feature that says what. */
const LOADER_FEATURES: ReadonlyMap<string, string> = new Map([
  ['LINUX_HAS_BPF_COOKIE', 'bpf-cookie'],
  ['LINUX_HAS_SYSCALL_WRAPPER', 'syscall-wrapper'],
]);

/**
 * All that a decision about some variants may look up in the facts, as requirements: those of the variants, and what their guard graphs
 * go by. Facts that were read for these decide as if everything had been read.
 */
export function neededFacts(variants: readonly Pick<Variant, 'requirements' | 'guards'>[]): Requirement[] {
  return variants.flatMap(({ requirements, guards = [] }) => [
    ...requirements,
    ...requirements.flatMap((requirement) => loaderNeed(requirement) ?? []),
    ...(requirements.some(isAtFunction) ? [featureNeed('trampolines')] : []),
    ...(requirements.some(goesByPrototype) ? [featureNeed('struct-arguments')] : []),
    ...(requirements.some(({ kind }) => kind === 'kfunc') ? [featureNeed('kfunc-calls')] : []),
    ...(requirements.some(({ kind }) => kind === 'hook-argument') ? POINTER_ARGUMENTS.map(featureNeed) : []),
    ...(requirements.some(({ kind }) => kind === 'kconfig') ? [featureNeed('kernel-config')] : []),
    ...(guards.length > 0 ? FOR_EVERY_GRAPH.map(featureNeed) : []),
    ...guards.flatMap(({ values }) => values.flatMap((value) => needOf(value) ?? [])),
  ]);
}

/** What is asked of the loader before a hook counts. */
function loaderNeed(requirement: Requirement): Requirement | undefined {
  const { kind, loader } = requirement as { kind: string; loader?: unknown };
  return kind === 'attach-target' && typeof loader === 'string' ? featureNeed(loader) : undefined;
}

/** Programs that go into kernel functions through a trampoline. */
function isAtFunction(requirement: Requirement): boolean {
  return (
    requirement.kind === 'attach-target' &&
    'hook' in requirement &&
    /^(?:fentry|fexit|fmod-ret)$/.test(requirement.hook)
  );
}

/** Programs whose target's prototype counts. */
function goesByPrototype(requirement: Requirement): boolean {
  return requirement.kind === 'attach-target' && 'hook' in requirement && /^(?:f|lsm|iter)/.test(requirement.hook);
}

function needOf(value: GuardOperand): Requirement | undefined {
  if (typeof value !== 'object') return undefined;
  if ('feature' in value) return featureNeed(value.feature);
  if ('kconfig' in value) {
    const feature = LOADER_FEATURES.get(value.kconfig);
    return feature === undefined ? { kind: 'kconfig', value: value.kconfig, weak: true } : featureNeed(feature);
  }
  if (!('symbol' in value)) return undefined;
  const { symbol, type } = value;
  return type === 'function'
    ? { kind: 'kfunc', value: symbol, weak: true }
    : { kind: 'ksym', value: symbol, typed: type === 'variable', weak: true };
}

function featureNeed(value: string): Requirement {
  return { kind: 'feature', value };
}
