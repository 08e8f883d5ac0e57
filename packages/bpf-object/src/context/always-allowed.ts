import type { ContextAccess } from './context-access.ts';

/** Stretches of a context, as `[first byte, byte after the last]`. */
type Stretches = readonly (readonly [number, number])[];

interface Allowed {
  /** Reads of 4 bytes, at offsets that 4 divides; for `any`, reads of every size that are aligned. */
  words?: Stretches;
  /** Reads of 8 bytes, at offsets that 8 divides. */
  longs?: Stretches;
  any?: Stretches;
  /** Writes of 4 bytes from a register. */
  writes?: Stretches;
  /** Writes of every size that are aligned. */
  anyWrites?: Stretches;
}

/** `struct __sk_buff` up to `hash`, and its `cb`. */
const PACKET: Stretches = [[0, 72]];
const CONTROL: Stretches = [[48, 68]];
/** `mark` and `priority`. */
const MARKS: Stretches = [
  [8, 12],
  [32, 36],
];
const OWN_CONTROL: Allowed = { any: CONTROL, anyWrites: CONTROL };
const LIGHTWEIGHT: Allowed = { ...OWN_CONTROL, words: [...PACKET, [76, 84]], writes: MARKS };
/** `struct pt_regs` of the smallest 64-bit machine (amd64). */
const REGISTERS: Stretches = [[0, 168]];
const SCHEDULER: Allowed = {
  ...OWN_CONTROL,
  words: [
    [0, 88],
    [140, 144],
    [160, 168],
  ],
  longs: [
    [152, 160],
    [168, 176],
  ],
  writes: [...MARKS, [44, 48], [72, 76]],
};

/**
 * What programs may do with their context on every kernel from Linux 5.4 on, and since their type is there (net/core/filter.c,
 * kernel/trace/bpf_trace.c and kernel/bpf/cgroup.c, *_is_valid_access). What is not in it is a requirement; leaving something out costs a
 * line in an index, no more.
 */
const ALWAYS: Readonly<Record<string, Allowed>> = {
  socket_filter: { ...OWN_CONTROL, words: PACKET },
  sched_cls: SCHEDULER,
  sched_act: SCHEDULER,
  cgroup_skb: {
    ...OWN_CONTROL,
    words: [...PACKET, [76, 140]],
    writes: MARKS,
  },
  sk_skb: {
    any: CONTROL,
    words: [
      [0, 8],
      [12, 72],
      [76, 140],
    ],
  },
  lwt_in: LIGHTWEIGHT,
  lwt_out: LIGHTWEIGHT,
  lwt_xmit: LIGHTWEIGHT,
  lwt_seg6local: LIGHTWEIGHT,
  flow_dissector: { words: [[76, 84]], longs: [[144, 152]] },
  xdp: { words: [[0, 20]] },
  sock_ops: {
    words: [[0, 164]],
    longs: [[168, 184]],
    writes: [[4, 8]],
  },
  cgroup_sock: { words: [[4, 16]] },
  cgroup_sock_addr: {
    words: [
      [0, 4],
      [24, 40],
    ],
  },
  cgroup_device: { words: [[0, 12]] },
  cgroup_sysctl: { words: [[0, 8]] },
  sk_msg: { words: [[16, 72]], longs: [[0, 16]] },
  sk_reuseport: { words: [[16, 36]], longs: [[0, 16]] },
  sk_lookup: {
    words: [
      [8, 36],
      [40, 64],
    ],
  },
  kprobe: { any: REGISTERS },
  perf_event: { longs: REGISTERS },
  tracepoint: { any: [[8, 2048]] },
  raw_tracepoint: { any: [[0, 96]] },
  raw_tracepoint_writable: { any: [[8, 96]] },
  lirc_mode2: { words: [[0, 4]] },
};

/** Whether no kernel refuses programs of the type the access. */
export function isAlwaysAllowed(programType: string, { access, offset, size }: ContextAccess): boolean {
  const allowed = ALWAYS[programType];
  if (allowed === undefined || access === 'write-number' || offset < 0 || offset % size !== 0) return false;
  const lies = (stretches: Stretches = []): boolean =>
    stretches.some(([begin, end]) => offset >= begin && offset + size <= end);
  if (access === 'write') return lies(allowed.anyWrites) || (size === 4 && lies(allowed.writes));
  return lies(allowed.any) || (size === 4 && lies(allowed.words)) || (size === 8 && lies(allowed.longs));
}
