import {
  assemble,
  CALL,
  EXIT,
  type Instruction,
  load,
  mapAddress,
  mapValueAddress,
  move,
  moveNumber,
} from '../native/assemble.ts';
import type { StubOptions } from '../kernel.ts';

/** Helpers by number (include/uapi/linux/bpf.h). */
const HELPER = { tailCall: 12, getFunctionIp: 173 } as const;

/**
 * The code of a stub: it reads the slot that the service's selector names, goes on in the program that is there, and where there is none gives
 * the result that leaves everything as it is.
 *
 * @param slots - descriptor of its slots.
 * @param selector - descriptor of the selector.
 */
export function stubCode(
  { result, contextBytes, functionIp }: StubOptions,
  slots: number,
  selector: number,
): Uint8Array {
  const instructions: Instruction[] = [
    // The kernel holds the last byte that is read against what the hook hands over.
    ...(contextBytes > 0 ? [load(1, 0, 1, contextBytes - 1)] : []),
    // A trampoline writes the function's address down only for programs that ask for it (kernel/bpf/verifier.c, call_get_func_ip).
    ...(functionIp ? [move(6, 1), CALL(HELPER.getFunctionIp), move(1, 6)] : []),
    ...mapValueAddress(2, selector),
    load(4, 3, 2, 0),
    ...mapAddress(2, slots),
    CALL(HELPER.tailCall),
    moveNumber(0, result),
    EXIT,
  ];
  return assemble(instructions);
}
