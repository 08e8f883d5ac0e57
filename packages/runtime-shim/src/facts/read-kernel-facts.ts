import { endianness, release, version as buildVersion } from 'node:os';
import { isKnownRequirement, MEDIA_TYPE_KERNEL_FACTS, type Requirement } from '@bpfship/media-types';
import { contextFieldName, contextName, type KernelFacts } from '@bpfship/portability';
import type { Kernel, ProbeQuestion } from '../kernel/kernel.ts';
import { sleepableLsmFunction } from '../kernel/native/lsm-hooks.ts';
import { MAP_TYPES } from '../kernel/native/map-types.ts';
import { PROGRAM_TYPES } from '../kernel/native/names.ts';
import { type BtfIds, btfKey, findBtfIds } from '../kernel/native/find-btf-ids.ts';
import { PROBED_TYPES } from '../kernel/native/probed-types.ts';
import { nodeArchitecture } from './architecture.ts';
import { readHooks } from './hooks.ts';
import { btfDigest } from './kernel-btf.ts';
import { readKernelConfig } from './kernel-config.ts';
import { readKernelVersion } from './kernel-version.ts';
import { describeModules } from './module-facts.ts';
import { readPrivileges } from './privileges.ts';
import { readSystemState } from './system-state.ts';

/** What to read. */
export interface ReadFactsOptions {
  kernel: Kernel;
  /** The kernel's BTF from `readKernelBtf`; `undefined` where it has none. */
  btf: Uint8Array | undefined;
  /** Ask only what these need. Default: all program types, map types and features, but no helpers and hooks. */
  for?: readonly Requirement[];
  /** Puts the BTF itself into the facts, that of modules too, so that they decide elsewhere as they do here. Default false. */
  includeBtf?: boolean;
}

/**
 * Reads what this kernel offers (spec/kernel-facts.md). Without the right to probe, answers are absent: never a false no.
 *
 * @throws {KernelError} where libbpf cannot be used.
 */
export async function readKernelFacts(options: ReadFactsOptions): Promise<KernelFacts> {
  const { kernel, btf } = options;
  const questions = options.for ? questionsOf(options.for) : allQuestions(await kernel.probedFeatures());
  const [answers, privileges, hooks, state, kconfig, loader, interfaces, modules] = await Promise.all([
    kernel.probe(questions, btfIdsFor(questions, btf)),
    readPrivileges(),
    readHooks({ requirements: options.for ?? [], btf, kernel }),
    readSystemState(),
    // By its options a kernel without BTF is near to one that a supplement names (spec/btf-supplements.md, "Choice").
    needsConfig(options.for) || !btf ? readKernelConfig(release()) : undefined,
    kernel.library(),
    needsInterfaces(options.for) ? kernel.interfaces() : undefined,
    options.includeBtf ? describeModules('/sys/kernel/btf', true) : undefined,
  ]);
  const facts: KernelFacts = {
    schemaVersion: 1,
    mediaType: MEDIA_TYPE_KERNEL_FACTS,
    release: release(),
    version: buildVersion(),
    kernelVersion: await readKernelVersion(loader.version),
    architecture: nodeArchitecture(),
    byteOrder: endianness() === 'LE' ? 'little' : 'big',
    btf: describeBtf(btf, options.includeBtf ?? false),
    programTypes: {},
    mapTypes: {},
    helpers: {},
    features: {},
    hooks,
    privileges,
    ...state,
    ...(kconfig === undefined ? {} : { kconfig }),
    ...(interfaces === undefined ? {} : { interfaces }),
    ...(modules === undefined ? {} : { modules }),
  };
  if (needsConfig(options.for) && (kconfig || privileges.load)) facts.features['kernel-config'] = kconfig !== undefined;
  if (questions.some((question) => question.kind === 'feature' && question.feature === STRUCT_OPS_LINKS))
    facts.features[STRUCT_OPS_LINKS] = knowsStructOpsLinks(loader.version);
  // What is refused to a process without rights may be there for others.
  const answerFor = (i: number): boolean | undefined => (privileges.load || answers[i] ? answers[i] : undefined);
  for (const [i, question] of questions.entries()) recordAnswer(facts, question, answerFor(i));
  return facts;
}

/** Writes an answer to where it belongs; one that is not known is left out. */
export function recordAnswer(facts: KernelFacts, question: ProbeQuestion, answer: boolean | undefined): void {
  if (answer === undefined) return;
  switch (question.kind) {
    case 'program-type':
      facts.programTypes[question.programType] = answer;
      break;
    case 'map-type':
      facts.mapTypes[question.mapType] = answer;
      break;
    case 'helper': {
      const { programType, form, helper } = question;
      (facts.helpers[form === undefined ? programType : `${programType}/${form}`] ??= {})[helper] = answer;
      break;
    }
    case 'kfunc':
      ((facts.kfuncs ??= {})[question.programType] ??= {})[question.kfunc] = answer;
      break;
    case 'modifiable':
      (facts.hooks['modifiable'] ??= {})[question.name] = answer;
      break;
    case 'context-field':
      ((facts.contextFields ??= {})[contextName(question)] ??= {})[contextFieldName(question)] = answer;
      break;
    case 'feature':
      facts.features[question.feature] = answer;
      break;
  }
}

function describeBtf(btf: Uint8Array | undefined, include: boolean): KernelFacts['btf'] {
  if (!btf) return { available: false };
  return {
    available: true,
    digest: btfDigest(btf),
    size: btf.length,
    ...(include ? { data: Buffer.from(btf).toString('base64') } : {}),
  };
}

/** The questions behind requirements, each once. */
function questionsOf(requirements: readonly Requirement[]): ProbeQuestion[] {
  const questions = new Map<string, ProbeQuestion>();
  const ask = (question: ProbeQuestion): void => void questions.set(JSON.stringify(question), question);
  for (const requirement of requirements) {
    if (!isKnownRequirement(requirement)) continue;
    if (requirement.kind === 'program-type') ask({ kind: 'program-type', programType: requirement.value });
    if (requirement.kind === 'map-type') ask({ kind: 'map-type', mapType: requirement.value });
    if (requirement.kind === 'feature') ask({ kind: 'feature', feature: requirement.value });
    if (requirement.kind === 'attach-target' && requirement.hook === 'fmod-ret')
      ask({ kind: 'modifiable', name: requirement.value });
    // Which struct's programs may call it is no question that the facts answer.
    if (requirement.kind === 'kfunc' && requirement.programType && requirement.programType !== 'struct_ops') {
      ask({ kind: 'kfunc', programType: requirement.programType, kfunc: requirement.value });
    }
    if (requirement.kind === 'context-field') {
      const { kind, programType, attachType, access, offset, size } = requirement;
      ask({ kind, programType, ...(attachType === undefined ? {} : { attachType }), access, offset, size });
    }
    if (requirement.kind === 'helper') {
      const { programType, form, value, orElse } = requirement;
      ask({ kind: 'helper', programType, helper: value });
      // Where the form cannot be tried, that of the type decides.
      if (form !== undefined) ask({ kind: 'helper', programType, helper: value, form });
      if (orElse !== undefined) ask({ kind: 'helper', programType, helper: orElse });
    }
  }
  return [...questions.values()];
}

/** The loader takes structs of `.struct_ops.link` for struct_ops (libbpf 1.2). */
const STRUCT_OPS_LINKS = 'struct-ops-links';

function knowsStructOpsLinks(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 1 || (major === 1 && minor >= 2);
}

function allQuestions(features: readonly string[]): ProbeQuestion[] {
  return [
    ...PROGRAM_TYPES.slice(1).map((programType): ProbeQuestion => ({ kind: 'program-type', programType })),
    ...MAP_TYPES.slice(1).map((mapType): ProbeQuestion => ({ kind: 'map-type', mapType })),
    ...[...features, STRUCT_OPS_LINKS].map((feature): ProbeQuestion => ({ kind: 'feature', feature })),
  ];
}

/** Whether the probe refers to types of the kernel's BTF. */
function needsBtfIds(question: ProbeQuestion): boolean {
  switch (question.kind) {
    case 'helper':
      return ['tracing', 'lsm', 'struct_ops'].includes(question.programType);
    case 'feature':
      return /^sleepable-|-arguments$|error-injection|noreturn|kfunc|nonnull|iterators/.test(question.feature);
    default:
      return question.kind === 'kfunc' || question.kind === 'modifiable';
  }
}

/** Ids that probes refer to: looking them up here, while the worker starts, is for nothing. */
function btfIdsFor(questions: readonly ProbeQuestion[], btf: Uint8Array | undefined): BtfIds {
  if (!btf || !questions.some((question) => needsBtfIds(question))) return {};
  const kernelFunctions = questions.flatMap((question) => {
    const name = functionOf(question);
    return name === undefined ? [] : [btfKey('func', name)];
  });
  const keys = [...PROBED_TYPES.map(([kind, name]) => btfKey(kind, name)), ...kernelFunctions];
  const found = findBtfIds(btf, keys);
  // A type that is not there is an answer too; without it, the worker would look again.
  return Object.fromEntries(keys.map((key) => [key, found[key] ?? 0]));
}

/** The function of the kernel that a question is about. */
function functionOf(question: ProbeQuestion): string | undefined {
  if (question.kind === 'kfunc') return question.kfunc;
  if (question.kind === 'modifiable') return question.name;
  return question.kind === 'feature' ? sleepableLsmFunction(question.feature) : undefined;
}

/** XDP programs go to network interfaces, whose drivers differ. */
function needsInterfaces(requirements: readonly Requirement[] | undefined): boolean {
  return (
    requirements === undefined ||
    requirements.some(
      (requirement) => requirement.kind === 'program-type' && 'value' in requirement && requirement.value === 'xdp',
    )
  );
}

function needsConfig(requirements: readonly Requirement[] | undefined): boolean {
  return (
    requirements === undefined ||
    requirements.some(
      (requirement) =>
        requirement.kind === 'kconfig' || ('value' in requirement && requirement['value'] === 'kernel-config'),
    )
  );
}
