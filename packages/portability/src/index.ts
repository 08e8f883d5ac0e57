export {
  type AttachingProgram,
  type AttachTarget,
  type AttachTargets,
  describeTarget,
  expandInterfaces,
  isPattern,
  mapTargets,
  targetsOf,
  type XdpAction,
} from './attach-targets.ts';
export { decide, type DecideOptions } from './decide.ts';
export { isExactKernel } from './evidence/open-evidence.ts';
export { explainFinding, explainSelection, explanationRows, selectionRows, type SelectionRow } from './explain.ts';
export type {
  KernelBtfFacts,
  KernelFacts,
  KernelModuleFacts,
  KernelPrivileges,
  NetworkInterfaceFacts,
  Packed,
} from './facts.ts';
export { compactBtf } from './facts-compact-btf.ts';
export { neededFacts } from './facts-needed.ts';
export { answerHook, type HookSources } from './facts-hooks.ts';
export { type NameList, openNameList } from './facts-packed.ts';
export { factsBtf, factsModules, factsTypes } from './facts-view.ts';
export { matchesPattern } from './matches-pattern.ts';
export { kernelFactsBytes, KernelFactsSchema, MAX_KERNEL_FACTS_SIZE, parseKernelFacts } from './facts-schema.ts';
export { followGraph, type FollowOptions, type Reached } from './guards/follow-graph.ts';
export type { KernelAddress, KernelValue } from './guards/kernel-values.ts';
export { contextFieldName, contextName } from './rules/context-rules.ts';
export { judge, type JudgeOptions } from './judge.ts';
export {
  type KernelModule,
  type KernelTypes,
  type LocalRelocation,
  type LocalTypes,
  openKernelTypes,
  type RelocationAnswer,
  type TypeKind,
} from './kernel-types.ts';
export { createKernelTypesCache, type KernelTypesCache, type KernelTypesCacheOptions } from './kernel-types-cache.ts';
export { checkParameters, declaredParameter, readParameter } from './parameters/read-parameter.ts';
export { parameterBytes } from './parameters/settings.ts';
export { memberNames, needsInterface } from './target-members.ts';
export { chooseSupplement, type ChosenSupplement } from './supplement/choose-supplement.ts';
export { minimalBtf } from './supplement/minimal-btf.ts';
export { PortabilityError, type PortabilityErrorCode } from './portability-error.ts';
export { type Ability, mainlineVersion } from './since/mainline-version.ts';
export type { Certainty, Finding, Outcome, ProgramVerdict, Selection, Verdict } from './verdict.ts';
