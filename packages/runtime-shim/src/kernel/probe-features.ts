import { EXIT, type Instruction, MOV_R0_0 } from './native/assemble.ts';
import { type Bpf, COMMAND } from './native/bpf.ts';
import { answerOf } from './native/errno.ts';
import { mapTypeNumber } from './native/map-types.ts';
import { createMap } from './probe-maps.ts';
import type { TrialProgram } from './probes.ts';

/** Tries a program. */
type Try = (program: TrialProgram) => { result: number; log: string };
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

/** A store of 0 to the stack, at r10 - 8. */
const STORE_STACK: Instruction = { code: 0x7a, dst: 10, offset: -8, imm: 0 };

/** Features of the requirement language (spec/requirements.md) that a small program shows. */
export const FEATURE_PROGRAMS: Readonly<Record<string, FeatureProbe>> = {
  // BPF_F_XDP_HAS_FRAGS (5.18)
  'xdp-frags': loads([MOV_R0_0, EXIT], 'xdp', F_XDP_HAS_FRAGS),
  // jlt (4.14)
  'cpu-v2': loads([MOV_R0_0, { code: 0xa5, dst: 0, imm: 1, offset: 0 }, EXIT]),
  // jmp32 (5.1)
  'cpu-v3': loads([MOV_R0_0, { code: 0x16, dst: 0, imm: 0, offset: 0 }, EXIT]),
  // movsx (6.6)
  'cpu-v4': loads([MOV_R0_0, { code: 0xbf, dst: 0, src: 0, offset: 8 }, EXIT]),
  // A loop that ends (5.3)
  'bounded-loops': loads([
    MOV_R0_0,
    { code: 0x07, dst: 0, imm: 1 },
    { code: 0xa5, dst: 0, imm: 3, offset: -2 },
    MOV_R0_0,
    EXIT,
  ]),
  // atomic fetch-and-add (5.12)
  atomics: loads([
    STORE_STACK,
    { code: 0xb7, dst: 1, imm: 1 },
    { code: 0xdb, dst: 10, src: 1, offset: -8, imm: 0x01 },
    MOV_R0_0,
    EXIT,
  ]),
  // A jump that the kernel takes when the program has run for too long (6.9)
  'may-goto': loads([MOV_R0_0, { code: 0xe5, offset: 1 }, MOV_R0_0, EXIT]),
  // A call to a function of the program itself (4.16)
  'subprogram-calls': loads([{ code: 0x85, src: 1, imm: 1 }, EXIT, MOV_R0_0, EXIT]),
  // The verifier's own words come only when the flag itself is known (5.10).
  sleepable: (_bpf, attempt) => {
    const { result, log } = attempt({ type: 'kprobe', instructions: [MOV_R0_0, EXIT], flags: F_SLEEPABLE });
    return log !== '' || answerOf(result);
  },
  // The address of a map's value in an instruction (5.2)
  'global-data': (bpf, attempt) => {
    const map = createMap(bpf, mapTypeNumber('array') ?? 2, { value: 8 });
    if (map < 0) return answerOf(map);
    const { result } = attempt({
      type: 'socket_filter',
      instructions: [
        { code: 0x18, dst: 1, src: 2, imm: map },
        { code: 0, imm: 0 },
        { code: 0x7a, dst: 1, imm: 42 },
        MOV_R0_0,
        EXIT,
      ],
    });
    bpf.native.close(map);
    return answerOf(result);
  },
  // Callbacks came with bpf_for_each_map_elem (5.13, helper 164).
  'callback-functions': (_bpf, attempt) => {
    const { result, log } = attempt({ type: 'socket_filter', instructions: [{ code: 0x85, imm: 164 }, EXIT] });
    return log === '' ? answerOf(result) : !/invalid func |unknown func /.test(log);
  },
  // BTF of a function with global linkage (5.6)
  'btf-global-functions': (bpf) => {
    const result = loadFunctionBtf(bpf);
    if (result >= 0) bpf.native.close(result);
    return answerOf(result);
  },
};

/** BTF with `int`, `int (int)` and a global function of that type. */
function loadFunctionBtf(bpf: Bpf): number {
  const strings = Buffer.from('\0int\0x\0a\0');
  const words = [
    [1, 1 << 24, 4, (1 << 24) | 32], // [1] int
    [0, (13 << 24) | 1, 1, 7, 1], // [2] int (int a)
    [5, (12 << 24) | 1, 2], // [3] FUNC x, global linkage
  ].flat();
  const blob = Buffer.alloc(24 + words.length * 4 + strings.length);
  blob.writeUInt16LE(0xeb9f, 0);
  blob.writeUInt8(1, 2);
  blob.writeUInt32LE(24, 4);
  blob.writeUInt32LE(words.length * 4, 12);
  blob.writeUInt32LE(words.length * 4, 16);
  blob.writeUInt32LE(strings.length, 20);
  for (const [i, word] of words.entries()) blob.writeUInt32LE(word >>> 0, 24 + i * 4);
  strings.copy(blob, 24 + words.length * 4);
  return bpf.call(COMMAND.btfLoad, (attr, arena) => {
    attr.writeBigUInt64LE(arena.copy(blob), 0);
    attr.writeUInt32LE(blob.length, 16);
  });
}
