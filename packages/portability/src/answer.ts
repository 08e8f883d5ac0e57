import type { Requirement } from '@bpfship/media-types';
import type { Finding } from './verdict.ts';

/** What holding one requirement against a kernel comes to. `met` has no finding. */
export type Answer = 'met' | Omit<Finding, 'requirement'>;

/** Three-valued truth: `undefined` is "not known on this node", which never means no. */
export type Tristate = boolean | undefined;

/** The requirement cannot be met by this kernel. */
export function unmet(code: string, reason: string, since?: string): Exclude<Answer, 'met'> {
  return { outcome: 'unmet', affects: 'load', code, reason, ...(since === undefined ? {} : { since }) };
}

/** It is not known whether the kernel meets the requirement. */
export function unknown(code: string, reason: string, since?: string): Exclude<Answer, 'met'> {
  return { outcome: 'unknown', affects: 'load', code, reason, ...(since === undefined ? {} : { since }) };
}

/** The same answer about something other than loading. */
export function about(affects: Finding['affects'], answer: Answer): Answer {
  return answer === 'met' ? answer : { ...answer, affects };
}

/** Puts the requirement to its answer, as the verdict lists it. */
export function toFinding(requirement: Requirement, answer: Exclude<Answer, 'met'>): Finding {
  return { requirement, ...answer };
}

/**
 * Reads one name of a table of the facts. Own members only: a hostile index may well ask for a program type called `constructor`.
 */
export function lookUp<T>(table: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return table !== undefined && Object.hasOwn(table, name) ? table[name] : undefined;
}
