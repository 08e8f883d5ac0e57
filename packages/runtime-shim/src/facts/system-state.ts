import { access } from 'node:fs/promises';
import type { KernelFacts } from '@bpfship/portability';
import { readBounded, readWord } from './read-bounded.ts';

/** Bytes of /proc/self/mounts that are read; machines with thousands of containers have some hundred KB. */
const MAX_MOUNTS: number = 16 * 1024 * 1024;

/** What is read from one place each, and left out where it cannot be. */
export type SystemState = Pick<KernelFacts, 'lsm' | 'jit' | 'lockdown' | 'cgroup2' | 'schedExt'>;

/** Reads what the kernel says of itself in /proc and /sys, beside its BPF. */
export async function readSystemState(): Promise<SystemState> {
  const [lsm, jit, hardened, lockdown, cgroup2, schedExt] = await Promise.all([
    readWord('/sys/kernel/security/lsm'),
    readWord('/proc/sys/net/core/bpf_jit_enable'),
    readWord('/proc/sys/net/core/bpf_jit_harden'),
    readWord('/sys/kernel/security/lockdown'),
    findCgroup2(),
    readSchedExt(),
  ]);
  const chosen = /\[(none|integrity|confidentiality)\]/.exec(lockdown ?? '')?.[1];
  return {
    ...(lsm === undefined ? {} : { lsm: lsm.split(',').filter((name) => /^[\w-]+$/.test(name)) }),
    ...(jit === undefined ? {} : { jit: jitState(jit, hardened) }),
    ...(chosen === undefined ? {} : { lockdown: chosen as 'none' | 'integrity' | 'confidentiality' }),
    ...(cgroup2 === undefined ? {} : { cgroup2 }),
    schedExt,
  };
}

/** 2 is on, with what is compiled in the kernel's log. */
function jitState(enabled: string, hardened: string | undefined): { enabled: boolean; hardened?: boolean } {
  return {
    enabled: enabled === '1' || enabled === '2',
    ...(hardened === undefined ? {} : { hardened: hardened !== '0' }),
  };
}

/** The mount point; spaces and the like stand in it as `\040` (proc(5), /proc/pid/mounts). */
async function findCgroup2(): Promise<string | undefined> {
  const mounts = (await readBounded('/proc/self/mounts', MAX_MOUNTS))?.toString('utf8') ?? '';
  return /^\S+ (\S+) cgroup2 /m.exec(mounts)?.[1];
}

async function readSchedExt(): Promise<{ available: boolean; state?: string }> {
  const available = await access('/sys/kernel/sched_ext').then(
    () => true,
    () => false,
  );
  const state = available ? await readWord('/sys/kernel/sched_ext/state') : undefined;
  return { available, ...(state !== undefined && /^\w+$/.test(state) ? { state } : {}) };
}
