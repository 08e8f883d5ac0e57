import { readFileSync } from 'node:fs';

/**
 * The next step where the kernel did not allow a load and says no more. Before Linux 5.11 it counts maps and programs as locked memory, and answers
 * the same where that limit is reached (kernel/bpf/syscall.c, bpf_charge_memlock).
 *
 * @param limits - content of /proc/self/limits. Default: this process's.
 */
export function permissionHint(limits: string = readLimits()): string {
  const rights = 'Run it as root, or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN.';
  const [, limit] = /^Max locked memory\s+(\d+)\s/m.exec(limits) ?? [];
  if (limit === undefined) return rights;
  const size = `${Math.floor(Number(limit) / 1024)} KiB`;
  return `${rights} Before Linux 5.11 maps and programs count as locked memory, of which it may have ${size}: "ulimit -l unlimited", or LimitMEMLOCK=infinity in its systemd unit.`;
}

function readLimits(): string {
  try {
    return readFileSync('/proc/self/limits', 'utf8');
  } catch {
    return '';
  }
}
