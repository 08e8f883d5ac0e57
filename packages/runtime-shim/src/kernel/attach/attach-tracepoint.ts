import type { AttachedLink } from '../kernel.ts';
import { type AttachRequest, attachError, refuse } from './attach-request.ts';
import { keepPerfEvents } from './keep-perf-events.ts';
import { openPerfEvent, tracepointNumber } from './open-perf-event.ts';

const PERF_TYPE_TRACEPOINT = 2;

/** Attaches to a tracepoint: `tracepoint/GROUP/NAME`; also where tracefs is mounted nowhere. */
export function attachTracepoint(request: AttachRequest): AttachedLink {
  const { bpf, attachment, options, program } = request;
  const name = options.symbol ?? attachment.extra;
  if (name === undefined || !/^[\w-]+\/[\w-]+$/.test(name)) {
    throw refuse(
      name === undefined ? `program "${program}" needs a tracepoint` : `"${name}" names no tracepoint`,
      'Tracepoints are named by group and name, e.g. sched/sched_process_exec.',
    );
  }
  const number = tracepointNumber(bpf, name);
  if (number === undefined) {
    throw refuse(
      `there is no tracepoint ${name} for program "${program}"`,
      `The kernel lacks it, its module is not loaded, or tracefs cannot be read: mount -t tracefs tracefs /sys/kernel/tracing`,
      'ENOENT',
    );
  }
  const where = `the tracepoint ${name}`;
  const event = openPerfEvent(bpf, { type: PERF_TYPE_TRACEPOINT, config: BigInt(number) });
  if (event < 0) throw attachError(request, where, event);
  return keepPerfEvents(request, [event], where);
}
