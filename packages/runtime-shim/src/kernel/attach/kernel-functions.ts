import { existsSync, readFileSync } from 'node:fs';
import { matchesPattern } from '@bpfship/portability/pattern';
import type { Bpf } from '../native/bpf.ts';

/** A function of the kernel that can be probed. */
export interface KernelFunction {
  name: string;
  /** Absent where the kernel hides it (kptr_restrict). */
  address?: bigint;
}

/**
 * Functions of the kernel whose name fits a pattern of libbpf (`*` and `?`), and that ftrace knows: no other can have a probe of many.
 * With their addresses where the kernel tells them, since several functions may have one name.
 *
 * @returns `undefined` where tracefs cannot be read.
 */
export function findKernelFunctions(bpf: Bpf, pattern: string): KernelFunction[] | undefined {
  const fits = (name: string): boolean => matchesPattern(name, pattern);
  const folder = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'].find((path) => existsSync(`${path}/events`));
  const tracefs = folder ?? bpf.tracefs();
  if (tracefs === undefined) return undefined;
  // 6.5: `address name [module]`
  const exact = linesOf(`${tracefs}/available_filter_functions_addrs`)?.flatMap((line): KernelFunction[] => {
    const [address = '', name = ''] = line.split(/\s+/);
    return fits(name) ? [{ name, address: BigInt(`0x${address}`) }] : [];
  });
  if (exact?.every(({ address }) => address !== 0n)) return exact;
  const names = linesOf(`${tracefs}/available_filter_functions`)?.map((line) => line.split(/\s/, 1)[0] ?? '');
  if (names === undefined) return undefined;
  const known = new Set(names.filter((name) => fits(name)));
  const addressed = (linesOf('/proc/kallsyms') ?? []).flatMap((line): KernelFunction[] => {
    const [address = '', type = '', name = ''] = line.split(/\s+/);
    return known.has(name) && /^[tTwW]$/.test(type) ? [{ name, address: BigInt(`0x${address}`) }] : [];
  });
  if (addressed.length > 0 && addressed.every(({ address }) => address !== 0n)) return addressed;
  return [...known].map((name) => ({ name }));
}

function linesOf(path: string): string[] | undefined {
  try {
    return readFileSync(path, 'latin1').split('\n').filter(Boolean);
  } catch {
    return undefined;
  }
}
