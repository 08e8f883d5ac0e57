import { EXIT, type AccessSize, type Instruction, load, moveNumber, store, storeNumber } from './native/assemble.ts';
import { ATTACH_TYPES, PROGRAM_TYPES } from './native/names.ts';
import type { Try } from './probe-features.ts';
import type { ContextQuestion } from './kernel.ts';

const F_SLEEPABLE = 1 << 4;
const CONTEXT = 1;
const SCRATCH = 2;
/**
 * What verifiers say to an access that they do not allow (kernel/bpf/verifier.c, check_ctx_access, check_mem_access and do_check), with the
 * place where they name it.
 */
const REFUSED = /invalid bpf_context access off=(-?\d+) size=(\d+)|BPF_ST stores into R1 |misaligned context access/;
/** What comes of reading a field of the UAPI's struct that this kernel does not fill in (kernel/bpf/verifier.c, convert_ctx_accesses). */
const MISCONFIGURED = /bpf verifier is misconfigured/;
/** Accesses that are tried at once: as many as a trial's log has room for. */
const AT_ONCE = 16;
/** The number that is written. */
const NUMBER = 1;

/** Programs whose accesses are tried. */
type Programs = Pick<ContextQuestion, 'programType' | 'attachType'>;
type Access = Pick<ContextQuestion, 'access' | 'offset' | 'size'>;

/**
 * Tries many accesses with few programs: some at once, and again without each that is refused.
 *
 * @returns an answer for each; `undefined` for those that could not be tried.
 */
export function probeContextFields(
  attempt: Try,
  programs: Programs,
  accesses: readonly Access[],
): (boolean | undefined)[] {
  const { programType: type, attachType } = programs;
  if (!PROGRAM_TYPES.includes(type) || (attachType !== undefined && !ATTACH_TYPES.includes(attachType)))
    return accesses.map(() => undefined);
  const answers = new Map<Access, boolean>();
  for (let first = 0; first < accesses.length; first += AT_ONCE) {
    tryAll(attempt, programs, accesses.slice(first, first + AT_ONCE), answers);
  }
  return accesses.map((access) => answers.get(access));
}

function tryAll(attempt: Try, programs: Programs, accesses: readonly Access[], answers: Map<Access, boolean>): void {
  let left = [...accesses];
  while (left.length > 0) {
    const { result, log } = tryProgramWith(attempt, programs, left);
    if (result >= 0) break;
    const at = REFUSED.test(log) ? refusedAt(log) : undefined;
    // A field that the verifier knows, and the kernel then does not: it does not say which.
    const refused = at === undefined && left.length === 1 && MISCONFIGURED.test(log) ? left[0] : left[(at ?? 0) - 1];
    if (refused === undefined) {
      const half = Math.floor(left.length / 2);
      if (half > 0)
        for (const some of [left.slice(0, half), left.slice(half)]) tryAll(attempt, programs, some, answers);
      return;
    }
    answers.set(refused, false);
    left = left.filter((each) => each !== refused);
  }
  for (const access of left) answers.set(access, true);
}

function tryProgramWith(
  attempt: Try,
  { programType: type, attachType }: Programs,
  accesses: readonly Access[],
): ReturnType<Try> {
  return attempt({
    type,
    // The result that every type may give.
    instructions: [moveNumber(SCRATCH, NUMBER), ...accesses.map(instructionOf), moveNumber(0, 1), EXIT],
    flags: type === 'syscall' ? F_SLEEPABLE : 0,
    ...(attachType === undefined ? {} : { attachType: ATTACH_TYPES.indexOf(attachType) }),
  });
}

/** The number of the last instruction that the verifier looked at. */
function refusedAt(log: string): number | undefined {
  const lines = [...log.matchAll(/^(\d+): \([0-9a-f]{2}\) /gm)];
  const last = lines.at(-1)?.[1];
  return last === undefined ? undefined : Number(last);
}

function instructionOf({ access, offset, size }: Access): Instruction {
  const bytes = size as AccessSize;
  if (access === 'read') return load(bytes, 0, CONTEXT, offset);
  return access === 'write' ? store(bytes, CONTEXT, offset, SCRATCH) : storeNumber(bytes, CONTEXT, offset, NUMBER);
}
