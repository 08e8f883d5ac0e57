import {
  type EvidenceProgram,
  type EvidenceResult,
  type EvidenceRun,
  MAX_EVIDENCE_LOG_LINES,
} from '@bpfship/media-types';
import type { Certainty, Verdict } from '@bpfship/portability';
import { type Kernel, KernelError } from '@bpfship/runtime-shim';

/** Failures of the machine or the process, which say nothing of the kernel (spec/evidence.md, "Document"). */
const NOT_OF_THE_KERNEL: ReadonlySet<string> = new Set(['ENOMEM', 'EINTR', 'EAGAIN', 'EMFILE', 'ENFILE']);
/** Codes that are answers of the loader or the kernel about the object. */
const ANSWERS: ReadonlySet<string> = new Set(['ERR_KERNEL_LOAD_REJECTED', 'ERR_KERNEL_OBJECT_INVALID']);
/** Characters of a line that are kept. */
const MAX_LINE = 400;

/**
 * Loads a variant's object once, and each program that did not load with it alone; nothing is attached or pinned, and everything is closed again.
 *
 * @param verdict - by its requirements, without evidence; tells which failures nobody foresaw.
 * @returns what the kernel said; attempts that say nothing of it are left out.
 * @throws {KernelError} where the loader itself is missing.
 */
export async function tryVariant(
  kernel: Kernel,
  verdict: Verdict,
  bytes: Uint8Array,
): Promise<Pick<EvidenceRun, 'object' | 'programs'>> {
  const together = await load(kernel, bytes, verdict, verdict.loads);
  const programs: EvidenceProgram[] = [];
  for (const { name, loads } of verdict.programs) {
    const result = together.loaded.has(name)
      ? ({ outcome: 'ok' } as const)
      : (await load(kernel, bytes, verdict, loads, name)).result;
    if (result) programs.push({ name, loads: result });
  }
  return { ...(together.result ? { object: together.result } : {}), programs };
}

async function load(
  kernel: Kernel,
  bytes: Uint8Array,
  { variant }: Verdict,
  expected: Certainty,
  program?: string,
): Promise<{ result?: EvidenceResult; loaded: ReadonlySet<string> }> {
  try {
    const trial = program === undefined ? {} : { program };
    const { id, programs } = await kernel.load({ name: variant, bytes, trial });
    await kernel.close(id);
    return { result: { outcome: 'ok' }, loaded: new Set(programs.map(({ name }) => name)) };
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    if (error.code !== 'ERR_KERNEL_PRIVILEGE' && !ANSWERS.has(error.code)) throw error;
    const result = failureOf(error, expected);
    return { ...(result ? { result } : {}), loaded: new Set() };
  }
}

function failureOf({ code, errno, log = '' }: KernelError, expected: Certainty): EvidenceResult | undefined {
  if (code === 'ERR_KERNEL_PRIVILEGE' || (errno !== undefined && NOT_OF_THE_KERNEL.has(errno))) return undefined;
  const lines = log
    .split('\n')
    .map((text) =>
      text
        .replaceAll(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu, ' ')
        .trimEnd()
        .slice(0, MAX_LINE),
    )
    .filter((text) => text !== '' && !/^(?:processed \d+ insns|verification time|stack depth)/.test(text))
    .slice(-MAX_EVIDENCE_LOG_LINES);
  return {
    outcome: 'failed',
    ...(errno === undefined ? {} : { errno: errno.replaceAll(' ', '-') }),
    ...(lines.length === 0 ? {} : { log: lines }),
    ...(expected === 'yes' ? { unforeseen: true } : {}),
  };
}
