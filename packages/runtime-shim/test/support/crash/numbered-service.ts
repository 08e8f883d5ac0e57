import { join } from 'node:path';
import { copy, OciLayoutStore } from '@bpfship/oras-client';
import { numberedRawTracepoint, numberedXdp } from '../../../../../test/support/load/numbered.ts';
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
  /** The maps of what was seen of packets and of calls. */
  packets: string;
  calls: string;
  /** Mark of the calls. */
  callMark: number;
}

/**
 * Programs that count numbered events: XDP, which is switched in place, and one at the raw tracepoint of all system calls, which has a stub.
 * Another one at a raw tracepoint with a buffer that the other version replaces. All other maps are carried over.
 */
export async function packNumberedService(sandbox: Sandbox, mark: string): Promise<NumberedService> {
  const callMark = 0x63_72_00_00 + process.pid;
  const events = { [`${mark}ev`]: 'event' };
  const packed = await packServices([
    { version: '1.0.0', variants: { one: sourceOf(mark, callMark, 0) }, events },
    { version: '1.1.0', variants: { one: sourceOf(mark, callMark, 1) }, events },
  ]);
  const layout = join(sandbox.folder, 'layout');
  const store = await OciLayoutStore.open(layout, { create: true });
  for (const version of ['1.0.0', '1.1.0']) await copy(packed.store, version, store, version);
  return {
    packed,
    layout,
    mark,
    callMark,
    programs: [`${mark}call`, `${mark}exec`, `${mark}net`],
    maps: [`${mark}bc`, `${mark}bp`, `${mark}ev`, `${mark}ex`, `${mark}nc`, `${mark}np`],
    packets: `${mark}np`,
    calls: `${mark}nc`,
  };
}

function sourceOf(mark: string, callMark: number, slot: 0 | 1): string {
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
  return `${renamed(numberedXdp(slot, `${mark}net`), mark, 'p')}
${renamed(numberedRawTracepoint(slot, callMark, `${mark}call`), mark, 'c')}
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

/** Both sources have the same names. */
function renamed(source: string, mark: string, what: 'p' | 'c'): string {
  return source
    .replaceAll(/\bnumbers\b/g, `${mark}n${what}`)
    .replaceAll(/\bby_version\b/g, `${mark}b${what}`)
    .replaceAll(/\bstruct seen\b/g, `struct seen_${what}`)
    .replaceAll(/\bnote\(/g, `note_${what}(`);
}
