import { isAlwaysAllowed } from '@bpfship/bpf-object';
import type { ContextQuestion } from '../kernel/kernel.ts';
import { ATTACH_TYPES } from '../kernel/native/names.ts';

/** Bytes of contexts by program type, at least those of Linux 7.2 (include/uapi/linux/bpf.h). */
const SIZES: Readonly<Record<string, number>> = {
  socket_filter: 192,
  sched_cls: 192,
  sched_act: 192,
  cgroup_skb: 192,
  sk_skb: 192,
  lwt_in: 192,
  lwt_out: 192,
  lwt_xmit: 192,
  lwt_seg6local: 192,
  flow_dissector: 192,
  xdp: 32,
  sock_ops: 232,
  cgroup_sock: 80,
  cgroup_sock_addr: 72,
  cgroup_device: 16,
  cgroup_sysctl: 8,
  cgroup_sockopt: 40,
  sk_msg: 88,
  sk_reuseport: 56,
  sk_lookup: 72,
  netfilter: 16,
  raw_tracepoint_writable: 96,
  lirc_mode2: 4,
  // Those of arm64, the largest.
  kprobe: 336,
  perf_event: 288,
};
/** Attach types by which programs of a type may do more or less. */
const ATTACH_TYPES_OF: Readonly<Record<string, RegExp>> = {
  xdp: /^xdp_/,
  cgroup_sock: /^cgroup_inet_sock_|_post_bind$/,
  cgroup_sock_addr: /^cgroup_(?:inet|udp|unix)[46]?_(?:bind|connect|sendmsg|recvmsg|getpeername|getsockname)$/,
  cgroup_sockopt: /^cgroup_[gs]etsockopt$/,
  sk_reuseport: /^sk_reuseport_/,
};
/** Sizes, and the distance of the offsets at which they are asked for: compilers read less than a field at its begin, if at all. */
const KINDS = [
  ['read', 1, 4],
  ['read', 2, 4],
  ['read', 4, 4],
  ['read', 8, 8],
  ['write', 4, 4],
  ['write', 8, 8],
  ['write-number', 4, 4],
] as const;

/** Every access to a context that a requirement may be about: what no kernel refuses is left out. */
export function contextQuestions(): ContextQuestion[] {
  return Object.entries(SIZES).flatMap(([programType, end]) => {
    const pattern = ATTACH_TYPES_OF[programType];
    const attachTypes = pattern === undefined ? [] : ATTACH_TYPES.filter((name) => pattern.test(name));
    // XDP programs are mostly for devices, by which they need not be loaded.
    const forms = pattern === undefined || programType === 'xdp' ? [undefined, ...attachTypes] : attachTypes;
    return forms.flatMap((attachType) =>
      accesses(end)
        .filter((access) => !isAlwaysAllowed(programType, access))
        .map((access): ContextQuestion => {
          return { kind: 'context-field', programType, ...(attachType === undefined ? {} : { attachType }), ...access };
        }),
    );
  });
}

function accesses(end: number): Pick<ContextQuestion, 'access' | 'offset' | 'size'>[] {
  return KINDS.flatMap(([access, size, step]) =>
    Array.from({ length: Math.floor((end - size) / step) + 1 }, (_, i) => ({ access, offset: i * step, size })),
  );
}
