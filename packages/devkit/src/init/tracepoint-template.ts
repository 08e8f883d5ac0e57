import { GITIGNORE_TEXT, readmeText } from './common-files.ts';

/** A service that sends an event for each program execution. */
export function tracepointTemplate(name: string): Record<string, string> {
  return {
    'ebpf-service.yaml': PROJECT_TEXT.replace('NAME', name),
    'src/ringbuf.bpf.c': SOURCE_TEXT,
    'README.md': readmeText(name, 'Sends an event for each program that is executed.'),
    '.gitignore': GITIGNORE_TEXT,
  };
}

const PROJECT_TEXT = `name: NAME
version: 0.1.0
description: An event for each program that is executed
licenses: GPL-2.0-only
docs: [README.md]

events:
  - map: events
    type: exec_event
    description: A process has executed a program

# In order of preference: a node takes the first that loads on its kernel.
variants:
  - name: ringbuf
    sources: [src/ringbuf.bpf.c]
`;

const SOURCE_TEXT = `// SPDX-License-Identifier: GPL-2.0-only
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

/* Readers decode events by the BTF of this structure. */
struct exec_event {
	__u64 timestamp_ns; /* CLOCK_MONOTONIC */
	__u32 pid;
	__u32 uid;
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18); /* bytes */
} events SEC(".maps");

/* The newest event of each CPU. A map's value brings its type into the object's BTF. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct exec_event);
} newest SEC(".maps");

SEC("raw_tp/sched_process_exec")
int watch_exec(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 zero = 0;
	struct exec_event *event = bpf_map_lookup_elem(&newest, &zero);

	if (!event)
		return 0;
	event->timestamp_ns = bpf_ktime_get_ns();
	event->pid = bpf_get_current_pid_tgid() >> 32;
	event->uid = bpf_get_current_uid_gid();
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_ringbuf_output(&events, event, sizeof(*event), 0);
	return 0;
}
`;
