import {
  CALL,
  callLocal,
  EXIT,
  type Instruction,
  load,
  mapValueAddress,
  move,
  moveNumber,
} from '../kernel/native/assemble.ts';
import { CONFIG_OFFSETS, EMPTY_RETURN, MAX_COMPONENTS } from './protocol.ts';

const XDP_PASS = 2;
/** bpf_xdp_adjust_tail (include/uapi/linux/bpf.h, ___BPF_FUNC_MAPPER). */
const ADJUST_TAIL = 65;
/** Instructions for each component: look whether it is there, call it, look whether the next one follows. */
const STEP_SIZE = 8;

/** The dispatcher's instructions, and where its functions begin, in the order of {@link DispatcherBtf}'s. */
export interface DispatcherCode {
  instructions: Instruction[];
  starts: number[];
}

/**
 * Writes the program. Its configuration is a frozen map, so that the verifier removes the calls of what is not enabled.
 *
 * @param configFd - descriptor of the map with the configuration.
 */
export function dispatcherCode(configFd: number): DispatcherCode {
  // r6 the context, r7 the configuration, r8 the number of components.
  const head = [move(6, 1), ...mapValueAddress(7, configFd), load(1, 8, 7, CONFIG_OFFSETS.enabled)];
  const end = head.length + MAX_COMPONENTS * STEP_SIZE + 3;
  const main: Instruction[] = [...head];
  const starts = [0];
  const functionsAt = end + 2;
  for (let i = 0; i < MAX_COMPONENTS; i++) {
    const at = main.length;
    const start = functionsAt + i * COMPONENT.length;
    starts.push(start);
    main.push(
      ifBelow(8, i + 1, end - (at + 1)),
      move(1, 6),
      callLocal(start - (at + 3)),
      moveNumber(1, 1),
      shiftLeft32(1, 0),
      load(4, 2, 7, CONFIG_OFFSETS.actions + 4 * i),
      and(1, 2),
      // Not among the actions after which the next one runs: the return value is in r0.
      ifZero(1, end + 1 - (at + 8)),
    );
  }
  const at = main.length;
  const compatTest = functionsAt + MAX_COMPONENTS * COMPONENT.length;
  starts.push(compatTest);
  main.push(ifBelow(8, MAX_COMPONENTS + 1, end - (at + 1)), move(1, 6), callLocal(compatTest - (at + 3)));
  main.push(moveNumber(0, XDP_PASS), EXIT);
  const components = Array.from({ length: MAX_COMPONENTS }, () => COMPONENT).flat();
  return { instructions: [...main, ...components, moveNumber(0, EMPTY_RETURN), EXIT], starts };
}

/**
 * What a component replaces. It changes the packet's end by nothing: newer verifiers let no program that may move the packet replace
 * a function that may not (kernel/bpf/verifier.c, "Extension program changes packet data, while original does not").
 */
const COMPONENT: readonly Instruction[] = [moveNumber(2, 0), CALL(ADJUST_TAIL), moveNumber(0, EMPTY_RETURN), EXIT];

/** Skips `offset` instructions if `dst < imm`, unsigned. */
function ifBelow(dst: number, imm: number, offset: number): Instruction {
  return { code: 0xa5, dst, imm, offset };
}

/** Skips `offset` instructions if `dst == 0`. */
function ifZero(dst: number, offset: number): Instruction {
  return { code: 0x15, dst, offset };
}

/** `dst = (u32) dst << (src & 31)` */
function shiftLeft32(dst: number, src: number): Instruction {
  return { code: 0x6c, dst, src };
}

/** `dst &= src` */
function and(dst: number, src: number): Instruction {
  return { code: 0x5f, dst, src };
}
