import type { BpfProgram } from '../object/bpf-object.ts';
import { ANY, type AccessValue, FOREIGN, number } from './access-value.ts';
import { ofBits } from './bounds.ts';

/** Places of the packet's start and end in the context, by program type (include/uapi/linux/bpf.h). */
const PACKETS: ReadonlyMap<string, { data: number; end: number; other: readonly number[] }> = new Map([
  ['xdp', { data: 0, end: 4, other: [8] }],
  ['sched_cls', { data: 76, end: 80, other: [140] }],
  ['sched_act', { data: 76, end: 80, other: [140] }],
]);

/** Types whose context holds nothing but numbers. */
const NUMBERS = new Set(['kprobe', 'raw_tracepoint', 'tracepoint', 'perf_event']);

/** What a load from the context gives (the is_valid_access of each program type). `offset` undefined: it depends on the kernel. */
export function loadContext({ attachment }: BpfProgram, offset: number | undefined, size: number): AccessValue {
  const { type } = attachment;
  if (NUMBERS.has(type)) return number(ofBits(size * 8));
  if (type === 'tracing') return size === 8 ? FOREIGN : ANY;
  const packet = PACKETS.get(type);
  if (packet === undefined || offset === undefined || size !== 4) return ANY;
  if (offset === packet.data) return { kind: 'packet', id: 0, offset: 0, range: 0 };
  if (offset === packet.end) return { kind: 'packet-end' };
  return packet.other.includes(offset) ? ANY : number(ofBits(32));
}
