import { existsSync, readFileSync } from 'node:fs';
import type { Bpf } from './native/bpf.ts';
import type { Pointer } from './native/library.ts';

/** Where libbpf looks for tracefs (libbpf.c, tracefs_path). */
const PLACES = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'];
/** include/uapi/linux/perf_event.h */
const PERF_TYPE_TRACEPOINT = 2;
const PERF_ATTR_SIZE = 112;
const PERF_FLAG_CLOSE_ON_EXEC = 8;

/**
 * Attaches a tracepoint program on a node where tracefs is mounted nowhere, as libbpf does where it is: the tracepoint's number from
 * tracefs, and a perf event.
 *
 * @returns `undefined` where this is none of that: libbpf is to try. `null`: it failed, and errno says why.
 */
export function attachTracepoint(bpf: Bpf, program: Pointer, section: string): Pointer | undefined {
  const [, group = '', name = ''] = /^(?:tp|tracepoint)\/(\w+)\/(\w+)$/.exec(section) ?? [];
  if (name === '' || PLACES.some((path) => existsSync(`${path}/events`))) return undefined;
  const tracefs = bpf.tracefs();
  const id = tracefs === undefined ? undefined : readNumber(`${tracefs}/events/${group}/${name}/id`);
  if (id === undefined) return undefined;
  const attr = Buffer.alloc(PERF_ATTR_SIZE);
  attr.writeUInt32LE(PERF_TYPE_TRACEPOINT, 0);
  attr.writeUInt32LE(PERF_ATTR_SIZE, 4);
  attr.writeBigUInt64LE(BigInt(id), 8);
  const event = bpf.native.perfEventOpen(attr, -1, 0, -1, PERF_FLAG_CLOSE_ON_EXEC);
  if (event < 0) return null;
  const link = bpf.native.programAttachPerfEvent(program, event);
  // A link takes the descriptor over.
  if (!link) bpf.native.close(event);
  return link;
}

function readNumber(path: string): number | undefined {
  try {
    return Number(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}
