import {
  type EvidenceProgram,
  type EvidenceResult,
  type EvidenceRun,
  isKnownRequirement,
  MAX_EVIDENCE_LOG_LINES,
  type Variant,
} from '@bpfship/media-types';
import type { Certainty, Verdict } from '@bpfship/portability';
import { type Kernel, KernelError } from '@bpfship/runtime-shim';
import { isAttachable, tryAttach } from './try-attach.ts';

/** Failures of the machine or the process, which say nothing of the kernel (spec/evidence.md, "Document"). */
const NOT_OF_THE_KERNEL: ReadonlySet<string> = new Set(['ENOMEM', 'EINTR', 'EAGAIN', 'EMFILE', 'ENFILE']);
/** Codes that are answers of the loader or the kernel about the object. */
const ANSWERS: ReadonlySet<string> = new Set(['ERR_KERNEL_LOAD_REJECTED', 'ERR_KERNEL_OBJECT_INVALID']);
/** Characters of a line that are kept. */
const MAX_LINE = 400;

/** One variant to try. */
export interface VariantTrial {
  /** By its requirements, without evidence; tells which failures nobody foresaw. */
  verdict: Verdict;
  variant: Variant;
  bytes: Uint8Array;
  /** Whether programs that load, at hooks that only watch, are attached for a moment. */
  attach: boolean;
}

/**
 * Loads a variant's object once, and each program that did not load with it alone. Everything is detached and closed again.
 *
 * @returns what the kernel said; attempts that say nothing of it are left out.
 * @throws {KernelError} where the loader itself is missing.
 */
export async function tryVariant(
  kernel: Kernel,
  { verdict, variant, bytes, attach: wanted }: VariantTrial,
): Promise<Pick<EvidenceRun, 'object' | 'programs'>> {
  const attached = new Map<string, EvidenceResult>();
  const attach = async (object: number, names: readonly string[]): Promise<void> => {
    for (const program of wanted ? verdict.programs.filter(({ name }) => names.includes(name)) : []) {
      const described = variant.programs.find(({ name }) => name === program.name);
      if (!described || !isAttachable(described, helpersOf(variant, program.name))) continue;
      const result = await tryAttach(kernel, object, program);
      if (result) attached.set(program.name, result);
    }
  };
  const together = await load(kernel, bytes, verdict, verdict.loads, attach);
  const programs: EvidenceProgram[] = [];
  for (const { name, loads } of verdict.programs) {
    const result = together.loaded.has(name)
      ? ({ outcome: 'ok' } as const)
      : (await load(kernel, bytes, verdict, loads, attach, name)).result;
    const attaches = attached.get(name);
    if (result) programs.push({ name, loads: result, ...(attaches ? { attaches } : {}) });
  }
  return { ...(together.result ? { object: together.result } : {}), programs };
}

function helpersOf({ requirements }: Variant, program: string): string[] {
  return requirements.flatMap((requirement) =>
    isKnownRequirement(requirement) && requirement.kind === 'helper' && requirement.programs.includes(program)
      ? [requirement.value]
      : [],
  );
}

async function load(
  kernel: Kernel,
  bytes: Uint8Array,
  { variant }: Verdict,
  expected: Certainty,
  whileLoaded: (object: number, programs: readonly string[]) => Promise<void>,
  program?: string,
): Promise<{ result?: EvidenceResult; loaded: ReadonlySet<string> }> {
  try {
    const trial = program === undefined ? {} : { program };
    const { id, programs } = await kernel.load({ name: variant, bytes, trial });
    const names = programs.map(({ name }) => name);
    try {
      await whileLoaded(id, names);
    } finally {
      await kernel.close(id);
    }
    return { result: { outcome: 'ok' }, loaded: new Set(names) };
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
