import {
  addNumber,
  callLocal,
  EXIT,
  type Instruction,
  load,
  mapValueAddress,
  moveNumber,
  MOV_R0_0,
  storeNumber,
} from './native/assemble.ts';
import type { Bpf } from './native/bpf.ts';
import { answerOf } from './native/errno.ts';
import { createMap, withMap } from './probe-maps.ts';
import type { TrialProgram, TrialResult } from './try-program.ts';

/** Tries a program. */
export type Try = (program: TrialProgram) => TrialResult;
/** Answers for one feature; `undefined` where the right to try is missing. */
export type FeatureProbe = (bpf: Bpf, attempt: Try) => boolean | undefined;

const F_SLEEPABLE = 1 << 4;
const F_XDP_HAS_FRAGS = 1 << 5;

/** Whether a socket filter of these instructions loads. */
function loads(instructions: readonly Instruction[], type = 'socket_filter', flags = 0): FeatureProbe {
  return (_bpf, attempt) => {
    const { result } = attempt({ type, instructions, flags });
    return answerOf(result);
  };
}

const STORE_STACK = storeNumber(8, 10, -8, 0);
/** Operations: add, or, and, xor with the old value; the last three without; exchange; compare and exchange. */
const NEW_ATOMICS = [0x01, 0x41, 0x51, 0xa1, 0x40, 0x50, 0xa0, 0xe1, 0xf1] as const;

/** Features of the requirement language (spec/requirements.md) that a small program shows. */
export const FEATURE_PROGRAMS: Readonly<Record<string, FeatureProbe>> = {
  // BPF_F_XDP_HAS_FRAGS (5.18)
  'xdp-frags': loads([MOV_R0_0, EXIT], 'xdp', F_XDP_HAS_FRAGS),
  // jlt (4.14)
  'cpu-v2': loads([MOV_R0_0, { code: 0xa5, dst: 0, imm: 1, offset: 0 }, EXIT]),
  // jmp32 (5.1)
  'cpu-v3': loads([MOV_R0_0, { code: 0x16, dst: 0, imm: 0, offset: 0 }, EXIT]),
  // movsx, sdiv, smod, bswap, ldsx and a jump as far as one likes (6.6; later on other CPUs than amd64)
  'cpu-v4': loads([
    { code: 0x06, imm: 0 },
    moveNumber(0, 9),
    { code: 0xbf, dst: 0, src: 0, offset: 8 },
    { code: 0x37, dst: 0, imm: 3, offset: 1 },
    { code: 0x97, dst: 0, imm: 3, offset: 1 },
    { code: 0xd7, dst: 0, imm: 16 },
    STORE_STACK,
    { code: 0x91, dst: 0, src: 10, offset: -8 },
    MOV_R0_0,
    EXIT,
  ]),
  // A loop that ends (5.3)
  'bounded-loops': loads([
    MOV_R0_0,
    { code: 0x07, dst: 0, imm: 1 },
    { code: 0xa5, dst: 0, imm: 3, offset: -2 },
    MOV_R0_0,
    EXIT,
  ]),
  // All that give back the old value, with 8 and 4 bytes, and "and", "or", "xor" (5.12)
  atomics: loads([
    STORE_STACK,
    moveNumber(1, 1),
    MOV_R0_0,
    ...NEW_ATOMICS.flatMap((imm): Instruction[] => [
      { code: 0xdb, dst: 10, src: 1, offset: -8, imm },
      { code: 0xc3, dst: 10, src: 1, offset: -8, imm },
    ]),
    MOV_R0_0,
    EXIT,
  ]),
  // Loads that acquire and stores that release (6.15; later on other CPUs)
  'load-acquire': loads([
    STORE_STACK,
    { code: 0xdb, dst: 1, src: 10, offset: -8, imm: 0x100 },
    { code: 0xdb, dst: 10, src: 1, offset: -8, imm: 0x110 },
    MOV_R0_0,
    EXIT,
  ]),
  // A context through a pointer to which a number was added
  'moved-context-pointer': loads([addNumber(1, 8), load(4, 0, 1, 0), MOV_R0_0, EXIT]),
  'moved-plain-context-pointer': loads([addNumber(1, 8), load(4, 0, 1, 0), MOV_R0_0, EXIT], 'tracepoint'),
  'moved-syscall-context-pointer': loads([addNumber(1, 8), load(4, 0, 1, 0), MOV_R0_0, EXIT], 'syscall', F_SLEEPABLE),
  // A jump that the kernel takes when the program has run for too long (6.9)
  'may-goto': loads([MOV_R0_0, { code: 0xe5, offset: 1 }, MOV_R0_0, EXIT]),
  // A call to a function of the program itself (4.16)
  'subprogram-calls': loads([callLocal(1), EXIT, MOV_R0_0, EXIT]),
  // The verifier's own words come only when the flag itself is known (5.10).
  sleepable: (_bpf, attempt) => {
    const { result, log } = attempt({ type: 'kprobe', instructions: [MOV_R0_0, EXIT], flags: F_SLEEPABLE });
    return log !== '' || answerOf(result);
  },
  // The address of a map's value in an instruction (5.2)
  'global-data': (bpf, attempt) =>
    withMap(bpf, createMap(bpf, 'array', { value: 8 }), (map) =>
      answerOf(
        attempt({
          type: 'socket_filter',
          instructions: [...mapValueAddress(1, map), storeNumber(8, 1, 0, 42), MOV_R0_0, EXIT],
        }).result,
      ),
    ),
  // Callbacks came with bpf_for_each_map_elem (5.13, helper 164).
  'callback-functions': (_bpf, attempt) => {
    const { result, log } = attempt({ type: 'socket_filter', instructions: [{ code: 0x85, imm: 164 }, EXIT] });
    return log === '' ? answerOf(result) : !/invalid func |unknown func /.test(log);
  },
};
