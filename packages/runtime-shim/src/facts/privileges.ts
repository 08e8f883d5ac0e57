import { readFile } from 'node:fs/promises';

/** Capability numbers (include/uapi/linux/capability.h). */
const CAPABILITY = { sysAdmin: 21n, bpf: 39n } as const;

/**
 * Whether this process may load programs, and if not why. A kernel that is locked down still loads programs; which helpers it takes away
 * is what the probes of helpers find.
 */
export async function readPrivileges(): Promise<{ load: boolean; reason?: string }> {
  const effective = await effectiveCapabilities();
  const has = (capability: bigint): boolean => ((effective >> capability) & 1n) === 1n;
  if (has(CAPABILITY.sysAdmin) || has(CAPABILITY.bpf)) return { load: true };
  return { load: false, reason: 'this process has neither CAP_BPF nor CAP_SYS_ADMIN' };
}

async function effectiveCapabilities(): Promise<bigint> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
  return BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
}
