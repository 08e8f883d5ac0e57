import type { Kernel, ProbeQuestion } from './kernel.ts';
import type { KernelErrorCode, KernelErrorDetails } from './kernel-error.ts';

/** Methods of {@link Kernel} that are one question and one answer. */
export type CallMethod = Exclude<keyof Kernel, typeof Symbol.asyncDispose>;

/** A question with what the worker needs no table for: the helper's number, where the name is known. */
export type NumberedQuestion = ProbeQuestion & { number?: number };

/** From the caller to the worker. */
export type Request =
  | { id: number; kind: 'call'; method: CallMethod; args: unknown[] }
  /** Close everything and end. */
  | { kind: 'end' };

/** From the worker to the caller. */
export type Answer =
  | { id: number; kind: 'result'; result: unknown }
  | { id: number; kind: 'error'; code: KernelErrorCode | undefined; message: string; details: KernelErrorDetails };
