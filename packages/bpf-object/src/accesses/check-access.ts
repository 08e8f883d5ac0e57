import type { AccessFault, AccessedMemory } from './access-context.ts';
import type { AccessValue } from './access-value.ts';
import { type Bounds, S64_MIN } from './bounds.ts';

/** Offsets and sizes beyond this are no bound (include/linux/bpf_verifier.h, BPF_MAX_VAR_OFF and BPF_MAX_VAR_SIZ). */
const MAX_VARIABLE = 1n << 29n;
/** A packet pointer that may go further gets no range (MAX_PACKET_OFF). */
export const MAX_PACKET = 0xffffn;

/** A fault, and in what. */
export interface Fault {
  memory: AccessedMemory;
  fault: AccessFault;
}

/**
 * Why no verifier takes an access of `size` bytes at a constant distance from a pointer (kernel/bpf/verifier.c, check_mem_region_access,
 * check_packet_access, check_stack_access_within_bounds); undefined where one may.
 */
export function faultOf(pointer: AccessValue, distance: number, size: bigint): Fault | undefined {
  if (pointer.kind === 'packet') return packetFault(pointer, distance, size);
  if (pointer.kind !== 'pointer' || pointer.nullable !== undefined) return undefined;
  const { region, offset, moved } = pointer;
  const memory = region.what;
  const first = BigInt(offset + distance);
  const [low, high] = [first + (moved?.smin ?? 0n), first + (moved?.umax ?? 0n)];
  if (moved) {
    if (moved.smin < 0n && low < BigInt(region.start)) return { memory, fault: 'negative' };
    if (moved.umax >= MAX_VARIABLE) return { memory, fault: 'unbounded' };
  }
  return low < BigInt(region.start) || high + size > BigInt(region.end) ? { memory, fault: 'beyond' } : undefined;
}

function packetFault(pointer: AccessValue & { kind: 'packet' }, distance: number, size: bigint): Fault | undefined {
  const { moved, range } = pointer;
  if (moved && moved.smin < 0n) return { memory: 'packet', fault: 'negative' };
  if (moved && moved.umax > MAX_PACKET) return { memory: 'packet', fault: 'unbounded' };
  const first = pointer.offset + distance;
  if (first >= 0 && BigInt(first) + size <= BigInt(range)) return undefined;
  return { memory: 'packet', fault: range === 0 ? 'unchecked' : 'beyond' };
}

/** Why no verifier takes a number as a size (check_mem_size_reg). */
export function sizeFault({ smin, umax }: Bounds): Fault | undefined {
  if (smin < 0n) return { memory: 'size', fault: 'negative' };
  return umax >= MAX_VARIABLE ? { memory: 'size', fault: 'unbounded' } : undefined;
}

/** Whether no verifier lets the number be added to a pointer (check_reg_sane_offset). */
export function isInsane({ smin }: Bounds): boolean {
  return smin === S64_MIN || smin >= MAX_VARIABLE || smin <= -MAX_VARIABLE;
}
