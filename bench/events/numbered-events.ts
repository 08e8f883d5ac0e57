/**
 * C that sends an event of 56 bytes for each call of `calls.c` (test/support/load), numbered without a gap, and counts in `sent` those that
 * found room (0) and those that did not (1).
 */
export function numberedEvents(buffer: 'ringbuf' | 'perf', mark: number): string {
  const map =
    buffer === 'ringbuf'
      ? '__uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 1 << 20);'
      : '__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __uint(key_size, 4); __uint(value_size, 4);';
  const send =
    buffer === 'ringbuf'
      ? 'bpf_ringbuf_output(&events, &event, sizeof(event), 0)'
      : 'bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &event, sizeof(event))';
  return `
#if defined(__TARGET_ARCH_arm64)
#define FIRST 0
#define SECOND 8
#else
#define FIRST 112
#define SECOND 104
#endif
struct event { __u64 number; __u64 time; __u32 pid; __u32 uid; __u32 saddr; __u16 port; __u8 kind; __u8 flags; char comm[16]; };
struct { ${map} } events SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 2); __type(key, __u32); __type(value, __u64); } sent SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct event); } type_of_event SEC(".maps");
SEC("raw_tp/sys_enter") int send(struct bpf_raw_tracepoint_args *ctx)
{
	struct event event = {};
	__u64 mark = 0;
	__u64 *count;
	__u32 failed;
	bpf_probe_read_kernel(&mark, sizeof(mark), (void *)ctx->args[0] + SECOND);
	if (mark != ${mark})
		return 0;
	bpf_probe_read_kernel(&event.number, sizeof(event.number), (void *)ctx->args[0] + FIRST);
	event.time = bpf_ktime_get_ns();
	event.pid = bpf_get_current_pid_tgid() >> 32;
	event.uid = bpf_get_current_uid_gid();
	event.saddr = 0x0100000a;
	event.port = 443;
	bpf_get_current_comm(event.comm, sizeof(event.comm));
	failed = ${send} != 0;
	count = bpf_map_lookup_elem(&sent, &failed);
	if (count)
		++*count;
	return 0;
}
`;
}
