import { existsSync } from 'node:fs';
import { release } from 'node:os';
import { EXIT, MOV_R0_0 } from './native/assemble.ts';
import type { Bpf } from './native/bpf.ts';
import { answerOf } from './native/errno.ts';
import { sleepableLsmFunction } from './native/lsm-hooks.ts';
import { ATTACH_TYPES, PROGRAM_TYPES } from './native/names.ts';
import { ABILITY_PROGRAMS } from './probe-abilities.ts';
import { CALL_PROGRAMS, CallProbes } from './probe-calls.ts';
import { probeContextFields } from './probe-contexts.ts';
import { FEATURE_PROGRAMS, type FeatureProbe } from './probe-features.ts';
import { FUNCTION_PROGRAMS } from './probe-functions.ts';
import { HOOK_PROGRAMS } from './probe-hooks.ts';
import { LINK_FEATURES } from './probe-links.ts';
import { MAP_FIELD_PROGRAMS } from './probe-map-fields.ts';
import { probeMapType } from './probe-maps.ts';
import type { ContextQuestion } from './kernel.ts';
import type { NumberedQuestion } from './protocol.ts';
import { tryProgram, type TrialProgram, type TrialResult } from './try-program.ts';

/** A map: a hostile index may well ask for a feature called `constructor`. */
const FEATURES: ReadonlyMap<string, FeatureProbe> = new Map(
  Object.entries({
    ...FEATURE_PROGRAMS,
    ...CALL_PROGRAMS,
    ...FUNCTION_PROGRAMS,
    ...HOOK_PROGRAMS,
    ...LINK_FEATURES,
    ...MAP_FIELD_PROGRAMS,
    ...ABILITY_PROGRAMS,
  }),
);

/** Types that load only onto a certain function; the verifier's complaint about function 1 says that it knows them. */
const NEEDS_TARGET: Readonly<Record<string, RegExp>> = {
  tracing: /attach_btf_id 1 is not a (?:function|typedef)/,
  lsm: /attach_btf_id 1 is not a function/,
  ext: /Cannot replace kernel functions/,
};

const F_SLEEPABLE = 1 << 4;
const ENOTSUPP = -524;

/** Words of the requirement language's features that can be asked for. */
export function probedFeatures(): string[] {
  return ['kernel-btf', 'kernel-config', ...FEATURES.keys()];
}

/** Answers questions by trying; `undefined` where the right to try is missing. */
export class Prober {
  readonly #bpf: Bpf;
  readonly #calls: CallProbes;

  constructor(bpf: Bpf) {
    this.#bpf = bpf;
    this.#calls = new CallProbes(bpf, (program) => tryProgram(bpf, program));
  }

  /** Answers in the order of the questions. Those about the contexts of the same programs are asked together. */
  answers(questions: readonly NumberedQuestion[]): (boolean | undefined)[] {
    const attempt = (program: TrialProgram): TrialResult => tryProgram(this.#bpf, program);
    const contexts = new Map<NumberedQuestion, boolean | undefined>();
    for (const some of Map.groupBy(questions.filter(isAboutContext), contextsOf).values()) {
      const answers = probeContextFields(attempt, some[0] as ContextQuestion, some);
      for (const [i, question] of some.entries()) contexts.set(question, answers[i]);
    }
    return questions.map((question) => (contexts.has(question) ? contexts.get(question) : this.#answer(question)));
  }

  #answer(question: NumberedQuestion): boolean | undefined {
    switch (question.kind) {
      case 'program-type':
        return probeProgramType(this.#bpf, question.programType);
      case 'map-type':
        return probeMapType(this.#bpf, question.mapType);
      case 'helper':
        return question.number === undefined
          ? undefined
          : this.#calls.helper(question.programType, question.number, question.form);
      case 'function':
        return this.#calls.hasAddress(question.name);
      case 'modifiable':
        return probeModifiable(this.#bpf, question.name);
      case 'context-field':
        return undefined;
      case 'kfunc':
        return this.#calls.kernelFunction(question.programType, question.kfunc);
      default:
        return probeFeature(this.#bpf, question.feature);
    }
  }
}

function isAboutContext(question: NumberedQuestion): question is ContextQuestion {
  return question.kind === 'context-field';
}

/** Equal for questions that one program can ask together: those whose refusal does not hide another's. */
function contextsOf({ programType, attachType, access, size }: ContextQuestion): string {
  return [programType, attachType, access, size].join(' ');
}

/** As libbpf_probe_bpf_prog_type of libbpf 1.8. */
function probeProgramType(bpf: Bpf, type: string): boolean | undefined {
  if (!PROGRAM_TYPES.includes(type)) return undefined;
  const { result, log } = tryProgram(bpf, {
    type,
    instructions: [MOV_R0_0, EXIT],
    flags: type === 'syscall' ? F_SLEEPABLE : 0,
  });
  const answer = answerOf(result);
  if (answer === undefined) return probeForbiddenType(bpf, type);
  if (answer) return true;
  if (type === 'struct_ops') return result === ENOTSUPP || /struct_ops|attach_btf_id|btf id/i.test(log);
  return NEEDS_TARGET[type]?.test(log) ?? false;
}

/**
 * A type that this process may not load although it may load others: a machine can forbid programs that change what the kernel does, and
 * leave those that only look. BTF tracepoints are of the same type as fentry, and need no trampoline.
 */
function probeForbiddenType(bpf: Bpf, type: string): boolean | undefined {
  const instructions = [MOV_R0_0, EXIT];
  if (type === 'tracing') {
    const attachBtfId = bpf.kernelBtfId('typedef', 'btf_trace_sys_enter');
    if (attachBtfId === undefined) return undefined;
    const attachType = ATTACH_TYPES.indexOf('trace_raw_tp');
    return tryProgram(bpf, { type, instructions, attachBtfId, attachType }).result >= 0 || undefined;
  }
  if (type !== 'lsm' && type !== 'ext') return undefined;
  return tryProgram(bpf, { type: 'kprobe', instructions }).result >= 0 ? false : undefined;
}

/** The verifier's word about a program that would change the function's result (kernel/bpf/verifier.c, check_attach_modify_return). */
function probeModifiable(bpf: Bpf, name: string): boolean | undefined {
  const attachBtfId = bpf.kernelBtfId('func', name);
  if (attachBtfId === undefined) return undefined;
  const attachType = ATTACH_TYPES.indexOf('modify_return');
  const { result, log } = tryProgram(bpf, {
    type: 'tracing',
    instructions: [MOV_R0_0, EXIT],
    attachBtfId,
    attachType,
  });
  return result >= 0 ? true : / is not modifiable/.test(log) ? false : undefined;
}

/** The verifier's word about a program that may sleep at a hook of security modules (kernel/bpf/bpf_lsm.c, bpf_lsm_is_sleepable_hook). */
function probeSleepableHook(bpf: Bpf, name: string): boolean | undefined {
  const attachBtfId = bpf.kernelBtfId('func', name);
  if (attachBtfId === undefined) return undefined;
  const attachType = ATTACH_TYPES.indexOf('lsm_mac');
  const { result, log } = tryProgram(bpf, {
    type: 'lsm',
    instructions: [MOV_R0_0, EXIT],
    flags: F_SLEEPABLE,
    attachBtfId,
    attachType,
  });
  return result >= 0 ? true : / is not sleepable|an be sleepable|disabled hook/.test(log) ? false : undefined;
}

function probeFeature(bpf: Bpf, feature: string): boolean | undefined {
  if (feature === 'kernel-btf') return existsSync('/sys/kernel/btf/vmlinux');
  // Where libbpf looks (bpf_object__read_kconfig_file), and nowhere else.
  if (feature === 'kernel-config') return existsSync(`/boot/config-${release()}`) || existsSync('/proc/config.gz');
  const hook = sleepableLsmFunction(feature);
  if (hook !== undefined) return probeSleepableHook(bpf, hook);
  return FEATURES.get(feature)?.(bpf, (program) => tryProgram(bpf, program));
}
