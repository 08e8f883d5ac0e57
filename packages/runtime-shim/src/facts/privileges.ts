import type { KernelPrivileges } from '@bpfship/portability';
import { readWord } from './read-bounded.ts';

/** Capabilities that loading or attaching asks for, by their numbers (include/uapi/linux/capability.h). */
const CAPABILITIES: Readonly<Record<string, bigint>> = {
  CAP_NET_ADMIN: 12n,
  CAP_NET_RAW: 13n,
  CAP_SYS_ADMIN: 21n,
  CAP_SYS_RESOURCE: 24n,
  CAP_MAC_ADMIN: 33n,
  CAP_SYSLOG: 34n,
  CAP_PERFMON: 38n,
  CAP_BPF: 39n,
};

/**
 * Whether this process may load programs, and if not why. A kernel that is locked down still loads programs; which helpers it takes away
 * is what the probes of helpers find.
 */
export async function readPrivileges(): Promise<KernelPrivileges> {
  const [status = '', disabled] = await Promise.all([
    readWord('/proc/self/status'),
    readWord('/proc/sys/kernel/unprivileged_bpf_disabled'),
  ]);
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  const capabilities = Object.entries(CAPABILITIES)
    .filter(([, number]) => ((effective >> number) & 1n) === 1n)
    .map(([name]) => name)
    .sort();
  const load = capabilities.includes('CAP_SYS_ADMIN') || capabilities.includes('CAP_BPF');
  return {
    load,
    ...(load ? {} : { reason: 'this process has neither CAP_BPF nor CAP_SYS_ADMIN' }),
    root: process.geteuid?.() === 0,
    capabilities,
    ...(disabled !== undefined && /^[012]$/.test(disabled) ? { unprivilegedBpfDisabled: Number(disabled) } : {}),
  };
}
