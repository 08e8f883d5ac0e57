import {
  addNumber,
  CALL,
  callLocal,
  EXIT,
  functionAddress,
  ifEqual,
  type Instruction,
  load,
  mapAddress,
  move,
  moveNumber,
  MOV_R0_0,
  store,
  storeNumber,
} from './native/assemble.ts';
import type { Bpf } from './native/bpf.ts';
import { BTF_INT, BTF_KIND, btfInfo, loadBtf } from './native/btf-blob.ts';
import { answerOf } from './native/errno.ts';
import { endIfKnown, FORBIDDEN } from './probe-abilities.ts';
import type { FeatureProbe } from './probe-features.ts';
import { createMap, withMap } from './probe-maps.ts';

const HELPER_TAIL_CALL = 12;
const HELPER_LOOP = 181;
/** Linkage of a function (include/uapi/linux/btf.h). */
const STATIC = 0;
const GLOBAL = 1;
/** Type ids in the BTF that `functionBtf` makes. */
const MAIN = 5;
const SECOND = 6;

/** BTF of a global `int main(int)` and a second function: `int (int)`, or as a callback of bpf_loop `int (int, void *)`. */
function functionBtf(bpf: Bpf, linkage: number, callback: boolean): number {
  const parameters = callback ? [5, 1, 5, 2] : [5, 1];
  return loadBtf(bpf, {
    types: [
      BTF_INT,
      [0, btfInfo(BTF_KIND.pointer), 0],
      [0, btfInfo(BTF_KIND.funcProto, 1), 1, 5, 2],
      [0, btfInfo(BTF_KIND.funcProto, parameters.length / 2), 1, ...parameters],
      [7, btfInfo(BTF_KIND.func, GLOBAL), 3],
      [12, btfInfo(BTF_KIND.func, linkage), 4],
    ],
    names: ['int', 'a', 'main', 'second'],
  });
}

/** Features of programs that must describe their functions. */
export const FUNCTION_PROGRAMS: Readonly<Record<string, FeatureProbe>> = {
  // BTF of a function with global linkage (5.6)
  'btf-global-functions': (bpf) => closed(bpf, functionBtf(bpf, GLOBAL, false)),
  // An argument that is a pointer to memory, of a global function (5.12)
  'global-function-pointers': (bpf, attempt) => {
    const types = [
      BTF_INT,
      [0, btfInfo(BTF_KIND.pointer), 1],
      [0, btfInfo(BTF_KIND.funcProto, 1), 1, 5, 1],
      [0, btfInfo(BTF_KIND.funcProto, 1), 1, 5, 2],
      [7, btfInfo(BTF_KIND.func, GLOBAL), 3],
      [12, btfInfo(BTF_KIND.func, GLOBAL), 4],
    ];
    const fd = loadBtf(bpf, { types, names: ['int', 'a', 'main', 'second'] });
    if (fd < 0) return answerOf(fd);
    try {
      const main = [storeNumber(8, 10, -8, 0), move(1, 10), addNumber(1, -8), callLocal(2), MOV_R0_0, EXIT];
      const functions = [[0, MAIN] as const, [main.length, SECOND] as const];
      const instructions = [...main, MOV_R0_0, EXIT];
      return answerOf(attempt({ type: 'socket_filter', instructions, btf: { fd, functions } }).result);
    } finally {
      bpf.native.close(fd);
    }
  },
  // A global function that nothing reached calls is not verified (6.8)
  'lazy-global-functions': withFunctions(GLOBAL, false, [
    [MOV_R0_0, ifEqual(0, 0, 2), moveNumber(1, 0), callLocal(2), MOV_R0_0, EXIT],
    [FORBIDDEN, EXIT],
  ]),
  // A function of the program that makes a tail call (5.10 on amd64, 6.0 on arm64; only with a JIT)
  'tail-call-in-subprogram': (bpf, attempt) =>
    withMap(bpf, createMap(bpf, 'prog_array', {}), (map) =>
      withFunctions(STATIC, false, [
        [callLocal(1), EXIT],
        [...mapAddress(2, map), moveNumber(3, 0), CALL(HELPER_TAIL_CALL), MOV_R0_0, EXIT],
      ])(bpf, attempt),
    ),
  // A constant on the caller's stack, read by a callback through its context (5.17)
  'callback-stack-constants': withFunctions(STATIC, true, [
    [
      moveNumber(1, 5),
      store(8, 10, -8, 1),
      moveNumber(1, 3),
      ...functionAddress(2, 7),
      move(3, 10),
      addNumber(3, -8),
      moveNumber(4, 0),
      CALL(HELPER_LOOP),
      MOV_R0_0,
      EXIT,
    ],
    [load(8, 3, 2, 0), ...endIfKnown(3)],
  ]),
  // A callback that is called no time is not verified (6.7)
  'counted-callbacks': withFunctions(STATIC, true, [
    [moveNumber(1, 0), ...functionAddress(2, 6), moveNumber(3, 0), moveNumber(4, 0), CALL(HELPER_LOOP), MOV_R0_0, EXIT],
    [FORBIDDEN, EXIT],
  ]),
  // Enums of 8 bytes in BTF (6.0)
  enum64: (bpf) =>
    closed(bpf, loadBtf(bpf, { types: [[1, btfInfo(BTF_KIND.enum64, 1), 8, 3, 1, 1]], names: ['e', 'v'] })),
};

/** Whether a socket filter of two functions loads. */
function withFunctions(
  linkage: number,
  callback: boolean,
  [main, second]: readonly [readonly Instruction[], readonly Instruction[]],
): FeatureProbe {
  return (bpf, attempt) => {
    const fd = functionBtf(bpf, linkage, callback);
    if (fd < 0) return answerOf(fd);
    try {
      const functions = [
        [0, MAIN],
        [main.length, SECOND],
      ] as const;
      const { result } = attempt({ type: 'socket_filter', instructions: [...main, ...second], btf: { fd, functions } });
      return answerOf(result);
    } finally {
      bpf.native.close(fd);
    }
  };
}

function closed(bpf: Bpf, result: number): boolean | undefined {
  if (result >= 0) bpf.native.close(result);
  return answerOf(result);
}
