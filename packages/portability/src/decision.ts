/**
 * The decision alone (`@bpfship/portability/decision`): one file of code without dependencies, made by tools/bundle.ts, for processes that
 * start, decide and end. It checks no documents: it takes an index and facts that `parseBtfIndex` and `parseKernelFacts` have accepted
 * before, for example when they were stored.
 */
export type { AttachTarget, AttachTargets } from './attach-targets.ts';
export { decide, type DecideOptions } from './decide.ts';
export { explainSelection, selectionRows, type SelectionRow } from './explain.ts';
export type { KernelBtfFacts, KernelFacts } from './facts.ts';
export { judge, type JudgeOptions } from './judge.ts';
export { type KernelModule, type KernelTypes, openKernelTypes } from './kernel-types.ts';
export { createKernelTypesCache, type KernelTypesCache, type KernelTypesCacheOptions } from './kernel-types-cache.ts';
export { PortabilityError, type PortabilityErrorCode } from './portability-error.ts';
export type { Finding, Outcome, ProgramVerdict, Selection, Verdict } from './verdict.ts';
