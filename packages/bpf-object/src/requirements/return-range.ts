import type { ProgramAttachment } from '../object/attach.ts';

/** The only numbers that a program may return, both included. */
export type ReturnRange = readonly [min: bigint, max: bigint];

const VERDICT: ReturnRange = [0n, 1n];
const NOTHING: ReturnRange = [0n, 0n];
const ALWAYS_ONE: ReturnRange = [1n, 1n];

/** Program types whose programs say yes or no, unless their attach type says more. */
const VERDICT_TYPES = new Set([
  'cgroup_skb',
  'cgroup_sock',
  'cgroup_sock_addr',
  'cgroup_sockopt',
  'cgroup_sysctl',
  'cgroup_device',
  'sock_ops',
  'sk_lookup',
  'netfilter',
]);

/**
 * What a program may return (kernel/bpf/verifier.c, check_return_code), the widest of all kernels; undefined where some kernel takes
 * anything.
 */
export function returnRange({ type, attachType = '' }: ProgramAttachment): ReturnRange | undefined {
  if (/^trace_f(?:entry|exit)$/.test(attachType)) return NOTHING;
  if (attachType === 'trace_iter' || attachType === 'lsm_cgroup') return VERDICT;
  if (/_(?:recvmsg|getpeername|getsockname)$/.test(attachType)) return ALWAYS_ONE;
  // Bits beside the verdict: congestion (4.20), and binding without the right to (5.12).
  if (attachType === 'cgroup_inet_egress' || /^cgroup_inet[46]_bind$/.test(attachType)) return [0n, 3n];
  return VERDICT_TYPES.has(type) ? VERDICT : undefined;
}

/** What older kernels take where newer ones take more, and the word for the ability. */
export function olderReturnRange({
  attachType = '',
}: ProgramAttachment): { range: ReturnRange; feature: string } | undefined {
  return /^cgroup_inet[46]_bind$/.test(attachType) ? { range: VERDICT, feature: 'bind-verdict-flags' } : undefined;
}

/** Whether a number is in range, as a whole or by its lower half: verifiers differ in which they look at. */
export function isReturnable(value: bigint, [min, max]: ReturnRange): boolean {
  return [BigInt.asIntN(64, value), BigInt.asIntN(32, value)].some((number) => number >= min && number <= max);
}
