import type { Kernel } from '@bpfship/runtime-shim';

/** What a program saw of numbered events, as `numbers` holds it. */
export interface Seen {
  /** The number that came last. */
  last: number;
  /** Events that came once. */
  once: number;
  /** Numbers that never came. */
  lost: number;
  /** Events whose number had come already. */
  doubled: number;
}

/**
 * C that counts numbered events in the map `numbers`, which every generation takes over, and in a slot of `by_version`, that tells which
 * program counted. Events come one after the other: nothing is locked.
 *
 * @param slot - 0 or 1, for even and odd versions.
 */
export function countNumbered(slot: number): string {
  return `
struct seen { __u64 last; __u64 once; __u64 lost; __u64 doubled; };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct seen); } numbers SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 2); __type(key, __u32); __type(value, __u64); } by_version SEC(".maps");
static __always_inline void note(__u64 number)
{
	__u32 zero = 0, slot = ${slot};
	struct seen *seen = bpf_map_lookup_elem(&numbers, &zero);
	__u64 *mine = bpf_map_lookup_elem(&by_version, &slot);
	if (!seen || !mine)
		return;
	++*mine;
	if (number <= seen->last) {
		seen->doubled++;
		return;
	}
	seen->lost += number - seen->last - 1;
	seen->once++;
	seen->last = number;
}
`;
}

/** A packet's number lies behind the headers of Ethernet, IPv4 and UDP, 42 bytes. Packets of others are let through. */
const PACKET_NUMBER = `
static __always_inline int number_of(void *data, void *end, __u64 *number)
{
	unsigned char *byte = data;
	if (data + 50 > end || byte[12] != 8 || byte[23] != 17 || byte[37] != 9)
		return 0;
	__builtin_memcpy(number, data + 42, 8);
	return 1;
}
`;

/** XDP that counts the packets of `packets.c` and drops them. */
export function numberedXdp(slot: number, program = 'numbered'): string {
  return `${countNumbered(slot)}${PACKET_NUMBER}
SEC("xdp") int ${program}(struct xdp_md *ctx)
{
	__u64 number;
	if (!number_of((void *)(long)ctx->data, (void *)(long)ctx->data_end, &number))
		return XDP_PASS;
	note(number);
	return XDP_DROP;
}
`;
}

/** A classifier that counts the packets of `packets.c` and drops them; TC_ACT_SHOT is 2, TC_ACT_UNSPEC -1. */
export function numberedClassifier(slot: number, section = 'tcx/ingress', program = 'numbered'): string {
  return `${countNumbered(slot)}${PACKET_NUMBER}
SEC("${section}") int ${program}(struct __sk_buff *ctx)
{
	__u64 number;
	if (bpf_skb_pull_data(ctx, 50) < 0 || !number_of((void *)(long)ctx->data, (void *)(long)ctx->data_end, &number))
		return -1;
	note(number);
	return 2;
}
`;
}

/** Counts the datagrams of `datagrams.c` where they leave a cgroup, behind the headers of IPv4 and UDP, and drops them. */
export function numberedCgroup(slot: number, program = 'numbered'): string {
  return `${countNumbered(slot)}
SEC("cgroup_skb/egress") int ${program}(struct __sk_buff *ctx)
{
	__u64 number;
	__u8 protocol;
	if (ctx->len != 36 || bpf_skb_load_bytes(ctx, 9, &protocol, 1) < 0 || protocol != 17 ||
	    bpf_skb_load_bytes(ctx, 28, &number, 8) < 0)
		return 1;
	note(number);
	return 0;
}
`;
}

/** Counts the calls of `calls.c` by the raw tracepoint of all system calls; x86-64 passes arguments in rdi and rsi, arm64 in x0 and x1. */
export function numberedRawTracepoint(slot: number, mark: number, program = 'numbered'): string {
  return `${countNumbered(slot)}
#if defined(__TARGET_ARCH_arm64)
#define FIRST 0
#define SECOND 8
#else
#define FIRST 112
#define SECOND 104
#endif
SEC("raw_tp/sys_enter") int ${program}(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 number = 0, mark = 0;
	bpf_probe_read_kernel(&mark, sizeof(mark), (void *)ctx->args[0] + SECOND);
	if (mark != ${mark})
		return 0;
	bpf_probe_read_kernel(&number, sizeof(number), (void *)ctx->args[0] + FIRST);
	note(number);
	return 0;
}
`;
}

/**
 * As {@link numberedRawTracepoint}, where the system call's function is entered (x86-64): it gets the address of the registers, which a
 * kprobe finds in rdi and fentry as its first argument.
 */
export function numberedFunction(slot: number, mark: number, how: 'kprobe' | 'fentry'): string {
  return `${countNumbered(slot)}
SEC("${how}/__x64_sys_getpgid") int numbered(__u64 *ctx)
{
	__u64 number = 0, mark = 0;
	void *registers = (void *)ctx[${how === 'kprobe' ? 14 : 0}];
	bpf_probe_read_kernel(&mark, sizeof(mark), registers + 104);
	if (mark != ${mark})
		return 0;
	bpf_probe_read_kernel(&number, sizeof(number), registers + 112);
	note(number);
	return 0;
}
`;
}

/** As {@link numberedRawTracepoint}, by the tracepoint (include/trace/events/syscalls.h, sys_enter). */
export function numberedTracepoint(slot: number, mark: number, program = 'numbered'): string {
  return `${countNumbered(slot)}
struct sys_enter { __u64 common; long id; unsigned long args[6]; };
SEC("tp/raw_syscalls/sys_enter") int ${program}(struct sys_enter *ctx)
{
	if (ctx->args[1] == ${mark})
		note(ctx->args[0]);
	return 0;
}
`;
}

/** Reads the pinned map `numbers`. */
export async function readSeen(kernel: Pick<Kernel, 'dumpMap'>, pin: string): Promise<Seen> {
  const [entry] = await kernel.dumpMap(pin, 1);
  const value = Buffer.from(entry?.value ?? []);
  const at = (index: number): number => Number(value.readBigUInt64LE(index * 8));
  return { last: at(0), once: at(1), lost: at(2), doubled: at(3) };
}

/** Reads the pinned map `by_version`. */
export async function readByVersion(kernel: Pick<Kernel, 'dumpMap'>, pin: string): Promise<[number, number]> {
  const entries = await kernel.dumpMap(pin, 2);
  const [even = 0, odd = 0] = entries.map(({ value }) => Number(Buffer.from(value).readBigUInt64LE(0)));
  return [even, odd];
}
