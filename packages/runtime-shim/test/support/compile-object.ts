import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { arch, tmpdir } from 'node:os';
import { join } from 'node:path';

const HEAD = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
`;
const TARGET_ARCH = arch() === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';

/** Compiles C for BPF; the usual headers and the licence come before it. */
export function compileObject(source: string): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'bpfship-object-'));
  try {
    writeFileSync(join(folder, 'x.bpf.c'), HEAD + source);
    execFileSync(
      'clang',
      ['-target', 'bpf', '-O2', '-g', '-mcpu=v3', `-I/usr/include/${TARGET_ARCH}`, '-c', 'x.bpf.c', '-o', 'x.o'],
      { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] },
    );
    return readFileSync(join(folder, 'x.o'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Counts executions of programs in `counts`, and sends an event for each through `events`. */
export function execCounter(options: { buffer?: 'ringbuf' | 'perf'; hook?: string } = {}): string {
  const { buffer = 'ringbuf', hook = 'raw_tp/sched_process_exec' } = options;
  const map =
    buffer === 'ringbuf'
      ? `__uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 65536);`
      : `__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __uint(key_size, 4); __uint(value_size, 4);`;
  const send =
    buffer === 'ringbuf'
      ? 'bpf_ringbuf_output(&events, event, sizeof(*event), 0);'
      : 'bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, event, sizeof(*event));';
  return `
struct event { __u64 number; char comm[16]; };
struct { ${map} } events SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); } counts SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct event); } scratch SEC(".maps");
SEC("${hook}") int count(void *ctx)
{
	__u32 zero = 0;
	__u64 *number = bpf_map_lookup_elem(&counts, &zero);
	struct event *event = bpf_map_lookup_elem(&scratch, &zero);
	if (!number || !event)
		return 0;
	event->number = __sync_fetch_and_add(number, 1);
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	${send}
	return 0;
}
`;
}

/** Counts UDP datagrams over IPv4 in `packets`. */
export function packetCounter(options: { section?: string; program?: string } = {}): string {
  const { section = 'xdp', program = 'packet' } = options;
  return `
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); } packets SEC(".maps");
SEC("${section}") int ${program}(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data;
	__u32 zero = 0;
	__u64 *number = bpf_map_lookup_elem(&packets, &zero);
	/* Neither address resolution nor errors that answer the datagrams. */
	if ((void *)(data + 24) > (void *)(long)ctx->data_end || data[12] != 8 || data[23] != 17)
		return XDP_PASS;
	if (number)
		__sync_fetch_and_add(number, 1);
	return XDP_PASS;
}
`;
}

/** Counts executions in `seen`, by a program whose use of its context nobody can follow: it gets no stub. */
export function stubless(program = 'watch'): string {
  return `
struct kept { __u64 *args; };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); } seen SEC(".maps");
static long each(__u32 i, struct kept *kept) { return kept->args[0] == 0; }
SEC("raw_tp/sched_process_exec") int ${program}(void *ctx)
{
	struct kept kept = { ctx };
	__u32 zero = 0;
	__u64 *number = bpf_map_lookup_elem(&seen, &zero);
	bpf_loop(1, each, &kept, 0);
	if (number)
		__sync_fetch_and_add(number, 1);
	return 0;
}
`;
}

/** Reads beyond its stack frame, which the verifier refuses, while everything it needs is there. */
export const REFUSED = `
SEC("raw_tp/sched_process_exec") int count(void *ctx)
{
	volatile char bytes[8];
	__u64 far = bpf_ktime_get_ns();
	return bytes[far & 1023];
}
`;

/** Takes room in a ring buffer and gives it to nobody, which the verifier refuses and nothing foresees. */
export const UNFORESEEN = `
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } events SEC(".maps");
SEC("raw_tp/sched_process_exec") int count(void *ctx)
{
	return bpf_ringbuf_reserve(&events, 8, 0) != 0;
}
`;
