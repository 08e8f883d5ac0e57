import { GITIGNORE_TEXT, readmeText } from './common-files.ts';

/** A service that counts packets. */
export function xdpTemplate(name: string): Record<string, string> {
  return {
    'ebpf-service.yaml': PROJECT_TEXT.replace('NAME', name),
    'src/plain.bpf.c': SOURCE_TEXT,
    'README.md': readmeText(name, 'Counts the packets and bytes of a network interface.'),
    '.gitignore': GITIGNORE_TEXT,
  };
}

const PROJECT_TEXT = `name: NAME
version: 0.1.0
description: Counts packets and bytes of a network interface
licenses: GPL-2.0-only
docs: [README.md]

# In order of preference: a node takes the first that loads on its kernel.
variants:
  - name: plain
    sources: [src/plain.bpf.c]
`;

const SOURCE_TEXT = `// SPDX-License-Identifier: GPL-2.0-only
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct traffic {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct traffic);
} counters SEC(".maps");

SEC("xdp")
int count_packets(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct traffic *traffic = bpf_map_lookup_elem(&counters, &zero);

	if (traffic) { /* only this CPU writes it */
		traffic->packets++;
		traffic->bytes += ctx->data_end - ctx->data;
	}
	return XDP_PASS;
}
`;
