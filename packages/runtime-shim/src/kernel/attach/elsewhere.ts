/** Why a program has no hook of its own, and who takes its pin. */
export interface Elsewhere {
  what: string;
  hint: string;
}

/** Types that libbpf does not attach: what else runs them. By libbpf's name. */
const BY_TYPE: Readonly<Record<string, Elsewhere>> = {
  sched_act: {
    what: 'runs as an action of a classifier',
    hint: '"tc filter … action bpf object-pinned PIN" takes its pin.',
  },
  sk_reuseport: {
    what: 'runs for a group of sockets',
    hint: 'Their owner takes its pin (SO_ATTACH_REUSEPORT_EBPF).',
  },
  lwt_in: { what: 'runs for a route', hint: '"ip route … encap bpf in pinned PIN" takes its pin.' },
  lwt_out: { what: 'runs for a route', hint: '"ip route … encap bpf out pinned PIN" takes its pin.' },
  lwt_xmit: { what: 'runs for a route', hint: '"ip route … encap bpf xmit pinned PIN" takes its pin.' },
  lwt_seg6local: {
    what: 'runs for a route',
    hint: '"ip route … encap seg6local … endpoint pinned PIN" takes its pin.',
  },
  lirc_mode2: { what: 'runs for an infrared receiver', hint: '"ir-keytable" takes such programs.' },
  syscall: { what: 'runs when somebody calls it', hint: '"bpftool prog run pinned PIN" does.' },
};

/** Who runs a program that cannot be attached; `undefined` for those that can. */
export function runsElsewhere({ type, section }: { type: string; section: string }): Elsewhere | undefined {
  if (/^\??xdp(?:\.frags)?\/(?:devmap|cpumap)$/.test(section)) {
    return { what: 'runs from an entry of a device map or CPU map', hint: 'Put its pin into that map.' };
  }
  return Object.hasOwn(BY_TYPE, type) ? BY_TYPE[type] : undefined;
}
