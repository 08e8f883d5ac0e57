import type { GuardValue, Requirement, Variant } from '@bpfship/media-types';
import { about, type Answer, lookUp, unknown } from '../answer.ts';
import { followGraph, type Reached } from './follow-graph.ts';
import { kernelValue, type KernelValue, type KernelValueOptions } from './kernel-values.ts';

/** An answer that a guard may set aside, and where its requirement stands. */
export interface GuardedAnswer {
  requirement: Requirement;
  position: number;
  answer: Exclude<Answer, 'met'>;
}

/** The guards of a variant on one kernel. */
export interface Guards {
  /** What comes of an answer in one program. */
  answerIn(program: string, answer: GuardedAnswer): Answer;
}

/** Failures that stop only a verifier that comes to them. Any other failure stops the loader. */
const SKIPPABLE: ReadonlySet<string> = new Set([
  'kfunc-not-callable',
  'relocation-poison',
  'module-btf-unread',
  'kfunc-missing',
  'helper-missing',
  'helper-gpl-only',
  'helper-unknown',
  'feature-missing',
  'feature-unknown',
  'context-field-refused',
  'context-field-unknown',
  'hook-argument-refused',
  'hook-argument-unknown',
  'memory-access-unbounded',
]);

/** Abilities that every graph builds on (spec/guards.md, "Verifier abilities"). */
const FOUNDATIONS = ['stack-scalar-spills', 'readonly-map-constants'];

/** Opens the guard graphs of a variant; each is followed only when something depends on it. */
export function openGuards({ guards = [] }: Variant, options: KernelValueOptions): Guards {
  const { facts } = options.context;
  const values = new Map<string, KernelValue>();
  const valueOf = (value: GuardValue): KernelValue => {
    const key = JSON.stringify(value);
    if (!values.has(key)) values.set(key, kernelValue(value, options));
    return values.get(key);
  };
  const knowsAddresses = lookUp(facts.features, 'nonnull-btf-pointers');
  const sound = FOUNDATIONS.every((name) => lookUp(facts.features, name) !== false);
  const followed = new Map<string, Reached | undefined>();
  const follow = (program: string): Reached | undefined => {
    if (followed.has(program)) return followed.get(program);
    const graph = sound ? guards.find((candidate) => candidate.program === program) : undefined;
    const reached = graph && followGraph(graph, { valueOf, knowsAddresses });
    followed.set(program, reached);
    return reached;
  };
  return {
    answerIn(program, { requirement, position, answer }) {
      const { guarded } = requirement as { guarded?: unknown };
      // The loader looks for a strong function before any verifier looks at the program.
      if (answer.code === 'kfunc-missing' && 'weak' in requirement && !requirement.weak) return answer;
      if (!SKIPPABLE.has(answer.code) || !Array.isArray(guarded) || !guarded.includes(program)) return answer;
      const reached = follow(program);
      if (reached?.certain.has(position)) return answer;
      if (reached && !reached.possible.has(position)) return 'met';
      return about(
        answer.affects,
        unknown('guard-unknown', `${answer.reason}; the program may do without it`, answer.since),
      );
    },
  };
}
