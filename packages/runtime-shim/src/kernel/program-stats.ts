import { readFileSync } from 'node:fs';
import { KernelError } from './kernel-error.ts';
import type { ProgramStats } from './kernel.ts';
import { COMMAND, type Bpf } from './native/bpf.ts';
import { callError, errnoName } from './native/errno.ts';

/** BPF_STATS_RUN_TIME (include/uapi/linux/bpf.h, enum bpf_stats_type). */
const STATS_RUN_TIME = 0;

/**
 * What the kernel counts of a pinned program; `undefined` where there is no such pin. Runs and time stand still while nobody holds the
 * statistics open (kernel/bpf/syscall.c, bpf_enable_runtime_stats).
 */
export function programStats(bpf: Bpf, pin: string): ProgramStats | undefined {
  const fd = bpf.open(pin);
  if (fd < 0) {
    if (errnoName(fd) === 'ENOENT') return undefined;
    throw callError('ERR_KERNEL_PIN', `opening ${pin}`, fd);
  }
  try {
    // struct bpf_prog_info: run_time_ns, run_cnt, recursion_misses, verified_insns; what an older kernel does not know stays 0.
    const info = bpf.info(fd);
    return {
      id: info.readUInt32LE(4),
      nanoseconds: info.readBigUInt64LE(192),
      runs: info.readBigUInt64LE(200),
      missed: info.readBigUInt64LE(208),
      verified: info.readUInt32LE(216),
      memory: lockedMemory(fd),
    };
  } finally {
    bpf.native.close(fd);
  }
}

/** Lets the kernel count runs and their time of all programs, for as long as the descriptor is open. Needs CAP_SYS_ADMIN. */
export function openStats(bpf: Bpf): number {
  const fd = bpf.call(COMMAND.enableStats, (attr) => attr.writeUInt32LE(STATS_RUN_TIME, 0));
  if (fd >= 0) return fd;
  if (errnoName(fd) === 'EPERM') {
    throw new KernelError('ERR_KERNEL_PRIVILEGE', 'this process may not let the kernel count the time of programs', {
      errno: 'EPERM',
      hint: 'It takes CAP_SYS_ADMIN, or: sysctl kernel.bpf_stats_enabled=1',
    });
  }
  throw callError('ERR_KERNEL_CALL', 'letting the kernel count the time of programs', fd);
}

/** Bytes that the kernel accounts to a program (kernel/bpf/syscall.c, bpf_prog_show_fdinfo). */
function lockedMemory(fd: number): number {
  const text = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8');
  return Number(/^memlock:\s*(\d+)$/m.exec(text)?.[1] ?? 0);
}
