import { join } from 'node:path';
import { copy, OciLayoutStore } from '@bpfship/oras-client';
import { numberedXdp } from '../../../../../test/support/load/numbered.ts';
import type { Sandbox } from '../sandbox.ts';
import { type PackedServices, packServices } from '../test-service.ts';

/** A service of two versions whose programs and maps bear a name that nobody else uses. */
export interface NumberedService {
  packed: PackedServices;
  /** Folder of the OCI layout with both versions. */
  layout: string;
  /** Part of every name. */
  mark: string;
  /** Names, sorted. */
  programs: string[];
  maps: string[];
  /** The map of what was seen. */
  numbers: string;
}

/**
 * An XDP program that counts numbered packets and is switched in place, one at a raw tracepoint, maps that are carried over, and a buffer
 * that the other version replaces.
 */
export async function packNumberedService(sandbox: Sandbox, mark: string): Promise<NumberedService> {
  const packed = await packServices([
    { version: '1.0.0', variants: { one: sourceOf(mark, 0) }, events: { [`${mark}ev`]: 'event' } },
    { version: '1.1.0', variants: { one: sourceOf(mark, 1) }, events: { [`${mark}ev`]: 'event' } },
  ]);
  const layout = join(sandbox.folder, 'layout');
  const store = await OciLayoutStore.open(layout, { create: true });
  for (const version of ['1.0.0', '1.1.0']) await copy(packed.store, version, store, version);
  return {
    packed,
    layout,
    mark,
    programs: [`${mark}exec`, `${mark}net`],
    maps: [`${mark}by`, `${mark}ev`, `${mark}ex`, `${mark}nu`],
    numbers: `${mark}nu`,
  };
}

function sourceOf(mark: string, slot: 0 | 1): string {
  const [buffer, send] =
    slot === 0
      ? [
          `__uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 65536);`,
          `bpf_ringbuf_output(&${mark}ev, event, sizeof(*event), 0)`,
        ]
      : [
          `__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __uint(key_size, 4); __uint(value_size, 4);`,
          `bpf_perf_event_output(ctx, &${mark}ev, BPF_F_CURRENT_CPU, event, sizeof(*event))`,
        ];
  const network = numberedXdp(slot, `${mark}net`)
    .replaceAll('numbers', `${mark}nu`)
    .replaceAll('by_version', `${mark}by`);
  return `${network}
struct event { __u64 number; };
struct { ${buffer} } ${mark}ev SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct event); } ${mark}ex SEC(".maps");
SEC("raw_tp/sched_process_exec") int ${mark}exec(void *ctx)
{
	__u32 zero = 0;
	struct event *event = bpf_map_lookup_elem(&${mark}ex, &zero);
	if (!event)
		return 0;
	__sync_fetch_and_add(&event->number, 1);
	${send};
	return 0;
}
`;
}
