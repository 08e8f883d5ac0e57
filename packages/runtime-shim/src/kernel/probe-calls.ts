import { CallTrial } from './call-trial.ts';
import {
  addNumber,
  CALL,
  callKernel,
  EXIT,
  type Instruction,
  kernelAddress,
  mapAddress,
  move,
  moveNumber,
  MOV_R0_0,
} from './native/assemble.ts';
import type { Bpf } from './native/bpf.ts';
import { answerOf } from './native/errno.ts';
import { PROGRAM_TYPES } from './native/names.ts';
import type { FeatureProbe, Try } from './probe-features.ts';
import { formsNamed, formsOf, type ProgramForm } from './probe-forms.ts';
import { createMap, withMap } from './probe-maps.ts';

/** The wordings of all kernels; that of 6.12 and later is the third, and later ones tell programs that may not sleep apart. */
const NO_SUCH_HELPER =
  /invalid func |unknown func |program of this type cannot use helper |helper call might sleep in a non-sleepable prog/;
/** The kernel has no name for it: then it is not there for any program. */
const UNKNOWN_HELPER = /(?:invalid|unknown) func unknown#/;
const NO_SUCH_FUNCTION = /calling kernel function .* is not allowed|kernel function btf_id \d+ is not a valid type_id/;
const NO_KERNEL_CALLS =
  /JIT is required for calling|JIT does not support calling|uses reserved fields|btf_vmlinux is not available|unknown opcode/;
/** The line on which the verifier stands at the call. */
const AT_CALL = /^\d+: \(85\) call/m;

/** Something to call, and the verifier's words where it may not be called. */
interface Call {
  instruction: Instruction;
  refusal: RegExp;
  /** The words where no program may. */
  never: RegExp;
}

/** Calls by what their immediate stands for. */
const HELPER: Call = { instruction: CALL(0), refusal: NO_SUCH_HELPER, never: UNKNOWN_HELPER };
const KERNEL_FUNCTION: Call = { instruction: callKernel(0), refusal: NO_SUCH_FUNCTION, never: NO_KERNEL_CALLS };

/** Asks whether programs of a type may call something. Kept: its forms take some trials to find. */
export class CallProbes {
  readonly #bpf: Bpf;
  readonly #attempt: Try;
  readonly #forms = new Map<string, ProgramForm[]>();
  readonly #trials = new Map<Call, Map<ProgramForm, CallTrial>>();
  /** Numbers for which the kernel has no helper. */
  readonly #noHelper = new Set<number>();

  constructor(bpf: Bpf, attempt: Try) {
    this.#bpf = bpf;
    this.#attempt = attempt;
  }

  /**
   * As libbpf_probe_bpf_helper of libbpf 1.8, which knows the wording of kernels from 6.12 on; libbpf 1.1 does not. Beyond it, types that
   * need a target are tried on some, and types that may sleep also so: whatever form may call it, the type may. `form`: in that form alone.
   */
  helper(type: string, number: number, form?: string): boolean | undefined {
    const all = this.#formsOf(type);
    const forms = form === undefined ? all : formsNamed(all, form);
    if (forms.length > 0 && this.#noHelper.has(number)) return false;
    const { answer, isUnknown } = this.#callable(type, forms, HELPER, number);
    if (isUnknown) this.#noHelper.add(number);
    return answer;
  }

  /** Whether programs of a type may call a kernel function (BPF_CALL with BPF_PSEUDO_KFUNC_CALL, 5.13). */
  kernelFunction(type: string, name: string): boolean | undefined {
    const id = this.#bpf.kernelBtfId('func', name);
    return id === undefined ? undefined : this.#callable(type, this.#formsOf(type), KERNEL_FUNCTION, id).answer;
  }

  /** The verifier looks the address up in the kernel's symbols (6.4), which takes a thousandth of what reading them all does. */
  hasAddress(name: string): true | undefined {
    const id = this.#bpf.kernelBtfId('func', name);
    if (id === undefined) return undefined;
    const instructions = [...kernelAddress(1, id), MOV_R0_0, EXIT];
    return this.#attempt({ type: 'socket_filter', instructions }).result >= 0 ? true : undefined;
  }

  #formsOf(type: string): ProgramForm[] {
    if (!PROGRAM_TYPES.includes(type)) return [];
    let forms = this.#forms.get(type);
    if (!forms) this.#forms.set(type, (forms = formsOf(this.#bpf, type, this.#attempt)));
    return forms;
  }

  /** @returns `isUnknown` where the verifier said that no program may call it. */
  #callable(
    type: string,
    forms: readonly ProgramForm[],
    call: Call,
    target: number,
  ): { answer: boolean | undefined; isUnknown?: true } {
    let answer: boolean | undefined;
    for (const form of forms) {
      const { result, log } = this.#trial(type, form, call).run(target);
      if (result >= 0) return { answer: true };
      if (call.never.test(log)) return { answer: false, isUnknown: true };
      if (call.refusal.test(log)) answer = false;
      // Where the verifier never came to the call, nothing is known: a missing right, a type or target that the kernel has not.
      else if (AT_CALL.test(log)) return { answer: true };
    }
    return { answer };
  }

  #trial(type: string, form: ProgramForm, call: Call): CallTrial {
    const trials = this.#trials.get(call) ?? new Map<ProgramForm, CallTrial>();
    this.#trials.set(call, trials);
    let trial = trials.get(form);
    if (!trial) {
      const instructions = [call.instruction, EXIT];
      trials.set(form, (trial = new CallTrial(this.#bpf, { type, instructions, ...form })));
    }
    return trial;
  }
}

/** Features of calls that neither helper nor kernel function stands for. */
export const CALL_PROGRAMS: Readonly<Record<string, FeatureProbe>> = {
  // Calls of kernel functions as such (5.13): the verifier's word about one that nobody may call, which do_exit is
  'kfunc-calls': (bpf, attempt) => {
    const id = bpf.kernelBtfId('func', 'do_exit');
    if (id === undefined) return undefined;
    const { result, log } = attempt({ type: 'sched_cls', instructions: [callKernel(id), EXIT] });
    if (log === '') return result >= 0 ? true : undefined;
    return !NO_KERNEL_CALLS.test(log);
  },
  // bpf_iter_num_new and its kin (6.4)
  'open-coded-iterators': (bpf, attempt) => {
    const [create, destroy] = ['bpf_iter_num_new', 'bpf_iter_num_destroy'].map((name) => bpf.kernelBtfId('func', name));
    if (create === undefined || destroy === undefined) return bpf.hasKernelBtf() ? false : undefined;
    const iterator = [move(1, 10), addNumber(1, -8)];
    const begin = [...iterator, moveNumber(2, 0), moveNumber(3, 3), callKernel(create)];
    const { result } = attempt({
      type: 'raw_tracepoint',
      instructions: [...begin, ...iterator, callKernel(destroy), MOV_R0_0, EXIT],
    });
    return answerOf(result);
  },
  // Memory that program and process share (6.9; only with a JIT that knows it)
  arena: (bpf, attempt) =>
    withMap(bpf, createMap(bpf, 'arena', { key: 0, value: 0, flags: F_MMAPABLE, extra: ARENA_ADDRESS }), (map) =>
      answerOf(
        attempt({
          type: 'socket_filter',
          instructions: [
            ...mapAddress(1, map),
            moveNumber(2, 0),
            { code: 0xbf, dst: 2, src: 2, offset: 1, imm: 1 << 16 },
            MOV_R0_0,
            EXIT,
          ],
        }).result,
      ),
    ),
  // Jumps to an address in a register (6.19; only with a JIT that knows them): the verifier's word about one that is none
  'indirect-jumps': (_bpf, attempt) => {
    const { log } = attempt({
      type: 'socket_filter',
      instructions: [moveNumber(1, 0), { code: 0x0d, dst: 1 }, MOV_R0_0, EXIT],
    });
    return log === '' ? undefined : !/reserved fields|unknown opcode|unknown insn|not support/.test(log);
  },
};

/** Flag and an address that no process uses (tools/testing/selftests/bpf, verifier_arena.c). */
const F_MMAPABLE = 1 << 10;
const ARENA_ADDRESS = 1n << 44n;
