import type { Native } from './library.ts';

/** SIG_BLOCK and SIG_SETMASK (include/uapi/asm-generic/signal-defs.h); the same on every machine that Node knows. */
const BLOCK = 0;
const SET = 2;
/** Size of glibc's sigset_t. */
const SET_SIZE = 128;

/**
 * Does something with no signal coming to this thread. The verifier gives up where one waits (kernel/bpf/verifier.c, do_check): a profiler's
 * signals would keep a large program from ever being loaded. What comes meanwhile comes afterwards.
 */
export function holdSignals<T>(native: Native, action: () => T): T {
  const before = Buffer.alloc(SET_SIZE);
  native.signalMask(BLOCK, Buffer.alloc(SET_SIZE, 0xff), before);
  try {
    return action();
  } finally {
    native.signalMask(SET, before, Buffer.alloc(SET_SIZE));
  }
}
