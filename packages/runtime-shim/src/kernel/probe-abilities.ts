import {
  addNumber,
  CALL,
  callLocal,
  EXIT,
  ifEqual,
  ifNotEqual,
  type Instruction,
  kernelAddress,
  load,
  mapAddress,
  mapValueAddress,
  move,
  moveNumber,
  MOV_R0_0,
  store,
  storeNumber,
} from './native/assemble.ts';
import { answerOf, errnoName } from './native/errno.ts';
import type { FeatureProbe, Try } from './probe-features.ts';
import { createFrozenArray, createMap, withMap } from './probe-maps.ts';

/** A call that no kernel knows: libbpf puts it where a relocation fails (relo_core.c, bpf_core_poison_insn). */
export const FORBIDDEN: Instruction = CALL(0xbad2310);
const HELPER = { mapLookup: 1, randomNumber: 7 } as const;
/** Jumps of the second kind, that `ifEqual` does not make: on the lower half, and on "greater". */
const ifHalfEqual = (dst: number, imm: number, offset: number): Instruction => ({ code: 0x16, dst, imm, offset });
const ifHalfNotEqual = (dst: number, imm: number, offset: number): Instruction => ({ code: 0x56, dst, imm, offset });
const ifGreater = (dst: number, imm: number, offset: number): Instruction => ({ code: 0x25, dst, imm, offset });
const ifGreaterThan = (dst: number, src: number, offset: number): Instruction => ({ code: 0x2d, dst, src, offset });
const MASK_R0 = (imm: number): Instruction => ({ code: 0x57, dst: 0, imm });
const SUCCEED: readonly Instruction[] = [MOV_R0_0, EXIT];

/** The end of a program that loads only where the verifier knows that the register holds 5. */
export function endIfKnown(register: number): Instruction[] {
  return [ifEqual(register, 5, 1), FORBIDDEN, ...SUCCEED];
}

const FIVE_TO_R1 = moveNumber(1, 5);
const RANDOM_TO_R0 = CALL(HELPER.randomNumber);

/** By ability: the programs that all load where the kernel has it. */
const PROGRAMS: Readonly<Record<string, readonly (readonly Instruction[])[]>> = {
  // 8 bytes to the stack and back (5.3)
  'stack-scalar-spills': [[FIVE_TO_R1, store(8, 10, -8, 1), load(8, 2, 10, -8), ...endIfKnown(2)]],
  // 4, 2 or 1 bytes to the begin of a slot and back (5.16)
  'narrow-stack-spills': ([4, 2, 1] as const).map((size) => [
    FIVE_TO_R1,
    store(size, 10, -8, 1),
    load(size, 2, 10, -8),
    ...endIfKnown(2),
  ]),
  // Fewer bytes back than were written (6.9)
  'narrow-stack-fills': ([4, 2, 1] as const).map((size) => [
    FIVE_TO_R1,
    store(8, 10, -8, 1),
    load(size, 2, 10, -8),
    ...endIfKnown(2),
  ]),
  // A number that an instruction writes to the stack (6.3)
  'stack-immediate-stores': ([8, 4, 2, 1] as const).map((size) => [
    storeNumber(size, 10, -8, 5),
    load(size, 2, 10, -8),
    ...endIfKnown(2),
  ]),
  // What a comparison says of a register, said of its copy too (5.10)
  'linked-scalars': [
    [RANDOM_TO_R0, move(1, 0), ifNotEqual(0, 5, 2), ifEqual(1, 5, 1), FORBIDDEN, ...SUCCEED],
    [RANDOM_TO_R0, move(1, 0), ifNotEqual(1, 5, 2), ifEqual(0, 5, 1), FORBIDDEN, ...SUCCEED],
  ],
  // … and of its copy on the stack (6.9)
  'linked-spills': [
    [
      RANDOM_TO_R0,
      store(8, 10, -8, 0),
      ifNotEqual(0, 5, 3),
      load(8, 1, 10, -8),
      ifEqual(1, 5, 1),
      FORBIDDEN,
      ...SUCCEED,
    ],
  ],
  // … and of a copy that a number was added to (6.12)
  'linked-offsets': [
    [
      RANDOM_TO_R0,
      { code: 0x57, dst: 0, imm: 0xff },
      move(1, 0),
      addNumber(1, 3),
      ifNotEqual(0, 5, 2),
      ifEqual(1, 8, 1),
      FORBIDDEN,
      ...SUCCEED,
    ],
  ],
  // A comparison of the lower half makes the whole known where the upper half is zero, and the other way round (5.7)
  'bounds-refinement-32': [
    [load(4, 0, 1, 0), ifHalfNotEqual(0, 5, 2), ifEqual(0, 5, 1), FORBIDDEN, ...SUCCEED],
    [RANDOM_TO_R0, ifNotEqual(0, 5, 2), ifHalfEqual(0, 5, 1), FORBIDDEN, ...SUCCEED],
  ],
  // Greater than 5, and then not 3 (6.8)
  'range-contradictions': [
    [RANDOM_TO_R0, ifGreater(0, 5, 2), ...SUCCEED, ifEqual(0, 3, 2), ...SUCCEED, FORBIDDEN, ...SUCCEED],
  ],
  // Not 0, and then not 0 (6.8)
  'zero-exclusion': [[RANDOM_TO_R0, ifEqual(0, 0, 2), ifNotEqual(0, 0, 1), FORBIDDEN, ...SUCCEED]],
  // Not 5, and then not 5 (7.1)
  'constant-exclusion': [[RANDOM_TO_R0, ifEqual(0, 5, 2), ifNotEqual(0, 5, 1), FORBIDDEN, ...SUCCEED]],
  // "or", "xor" and "*" with a register of which only a range is known leave known what they can (6.9)
  'operand-ranges': [
    [
      RANDOM_TO_R0,
      MASK_R0(0xff),
      moveNumber(1, 0),
      { code: 0x2f, dst: 1, src: 0 },
      ifEqual(1, 0, 1),
      FORBIDDEN,
      ...SUCCEED,
    ],
    ...[0x4f, 0xaf].map((code) => [
      RANDOM_TO_R0,
      MASK_R0(0x0f),
      moveNumber(1, 0x100),
      { code, dst: 1, src: 0 },
      { code: 0x57, dst: 1, imm: 0x100 },
      ifEqual(1, 0x100, 1),
      FORBIDDEN,
      ...SUCCEED,
    ]),
  ],
  // Comparisons of a number with a range, and of two ranges (6.8)
  'range-comparisons': [
    [RANDOM_TO_R0, MASK_R0(7), moveNumber(1, 16), ifGreaterThan(1, 0, 1), FORBIDDEN, ...SUCCEED],
    [
      RANDOM_TO_R0,
      MASK_R0(7),
      move(6, 0),
      RANDOM_TO_R0,
      MASK_R0(7),
      addNumber(0, 8),
      ifGreaterThan(0, 6, 1),
      FORBIDDEN,
      ...SUCCEED,
    ],
  ],
  // Zeros from a register on the stack stay known where others are overwritten (before 6.9: that tells of the slot, then of its bytes)
  'zero-register-bytes': [
    [
      moveNumber(1, 0),
      store(8, 10, -8, 1),
      RANDOM_TO_R0,
      store(4, 10, -4, 0),
      load(4, 2, 10, -8),
      ifEqual(2, 0, 1),
      FORBIDDEN,
      ...SUCCEED,
    ],
  ],
  'constant-division': [[moveNumber(1, 10), { code: 0x37, dst: 1, imm: 2 }, ...endIfKnown(1)]],
  // Minus, and swapping bytes
  'constant-unary': [
    [moveNumber(1, -5), { code: 0x87, dst: 1 }, ...endIfKnown(1)],
    [moveNumber(1, 0x0500), { code: 0xdc, dst: 1, imm: 16 }, ...endIfKnown(1)],
  ],
  // What a function of the program is given, gives back, and reads and writes on its caller's stack (4.16)
  'subprogram-constants': [
    [FIVE_TO_R1, callLocal(1), EXIT, ...endIfKnown(1)],
    [callLocal(3), ifEqual(0, 5, 1), FORBIDDEN, EXIT, moveNumber(0, 5), EXIT],
    [
      FIVE_TO_R1,
      store(8, 10, -8, 1),
      move(1, 10),
      addNumber(1, -8),
      callLocal(2),
      ...SUCCEED,
      load(8, 2, 1, 0),
      ...endIfKnown(2),
    ],
  ],
};

/**
 * What constants this kernel's verifier can follow (spec/kernel-facts.md, "What the verifier can follow"): each is tried with socket
 * filters that load only where the verifier sees that a forbidden call is never reached.
 */
export const ABILITY_PROGRAMS: Readonly<Record<string, FeatureProbe>> = {
  ...Object.fromEntries(Object.entries(PROGRAMS).map(([name, programs]) => [name, loadAll(programs)])),
  // A map that nobody may write to any more (5.5)
  'readonly-map-constants': (bpf, attempt) =>
    withMap(bpf, createFrozenArray(bpf, Buffer.from([5, 0, 0, 0, 0, 0, 0, 0])), (map) =>
      tryAll(
        attempt,
        ([8, 4, 2, 1] as const).map((size) => [...mapValueAddress(1, map), load(size, 2, 1, 0), ...endIfKnown(2)]),
      ),
    ),
  // A helper that only reads the stack leaves known what is there (6.14)
  'stack-reads-by-helpers-keep': (bpf, attempt) =>
    withMap(bpf, createMap(bpf, 'hash', { key: 8 }), (map) =>
      tryAll(attempt, [
        [
          FIVE_TO_R1,
          store(8, 10, -8, 1),
          ...mapAddress(1, map),
          move(2, 10),
          addNumber(2, -8),
          CALL(HELPER.mapLookup),
          load(8, 2, 10, -8),
          ...endIfKnown(2),
        ],
      ]),
    ),
  // A look-up in an array with a key on the stack that is known gives an element (6.14): it is read without asking.
  'constant-key-lookups': (bpf, attempt) =>
    withMap(bpf, createMap(bpf, 'array', { value: 8, entries: 2 }), (map) =>
      tryAll(
        attempt,
        [0, 1].map((key) => [
          moveNumber(1, key),
          store(4, 10, -8, 1),
          ...mapAddress(1, map),
          move(2, 10),
          addNumber(2, -8),
          CALL(HELPER.mapLookup),
          load(8, 1, 0, 0),
          ...SUCCEED,
        ]),
      ),
    ),
  // The address of a kernel variable, which is not 0
  'nonnull-btf-pointers': notNull('var', ['runqueues', 'bpf_prog_active', 'bpf_user_rnd_state']),
  // The address of a kernel function (6.4), which is not 0
  'kfunc-address': notNull('func', ['do_exit', 'bpf_fentry_test1']),
};

/** Whether all of some socket filters load. */
function tryAll(attempt: Try, programs: readonly (readonly Instruction[])[]): boolean | undefined {
  for (const instructions of programs) {
    const answer = answerOf(attempt({ type: 'socket_filter', instructions }).result);
    if (answer !== true) return answer;
  }
  return true;
}

function loadAll(programs: readonly (readonly Instruction[])[]): FeatureProbe {
  return (_bpf, attempt) => tryAll(attempt, programs);
}

/** By the first of some names that the kernel has. Without such a name, or where the kernel hides its address, nothing is known. */
function notNull(kind: 'var' | 'func', names: readonly string[]): FeatureProbe {
  return (bpf, attempt) => {
    for (const name of names) {
      const id = bpf.kernelBtfId(kind, name);
      if (id === undefined) continue;
      const instructions = [...kernelAddress(1, id), ifNotEqual(1, 0, 1), FORBIDDEN, ...SUCCEED];
      const { result } = attempt({ type: 'socket_filter', instructions });
      if (result >= 0 || errnoName(result) !== 'ENOENT') return answerOf(result);
    }
    return undefined;
  };
}
