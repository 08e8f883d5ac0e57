import { readFileSync } from 'node:fs';
import type { AttachedLink } from '../kernel.ts';
import { type AttachRequest, attachError } from './attach-request.ts';
import { keepPerfEvents } from './keep-perf-events.ts';
import { openPerfEvent } from './open-perf-event.ts';

/** include/uapi/linux/perf_event.h, enum perf_type_id */
const TYPES = { hardware: 0, software: 1 } as const;
/** Not a divisor of common timers' frequencies, as profilers take it. */
const DEFAULT_FREQUENCY = 99;

/** Attaches to samples of a perf event: one for each CPU that is online, or of one process. */
export function attachPerfEvent(request: AttachRequest): AttachedLink {
  const { bpf, options } = request;
  const { perfType = 'software', perfConfig = 0, samplePeriod, pid, cpu } = options;
  const where = `the ${perfType} perf event ${perfConfig}`;
  const cpus = cpu === undefined ? (pid === undefined ? onlineCpus() : [-1]) : [cpu];
  const events: number[] = [];
  for (const each of cpus) {
    const event = openPerfEvent(bpf, {
      type: TYPES[perfType],
      config: BigInt(perfConfig),
      ...(samplePeriod === undefined
        ? { frequency: options.sampleFrequency ?? DEFAULT_FREQUENCY }
        : { period: samplePeriod }),
      ...(pid === undefined ? {} : { pid }),
      cpu: each,
    });
    if (event < 0) {
      for (const fd of events) bpf.native.close(fd);
      throw attachError(request, each < 0 ? where : `${where} of CPU ${each}`, event, {
        ENOENT: 'This machine cannot count such events; virtual machines often lack hardware events. Take "software".',
        EOPNOTSUPP: 'This machine cannot sample such events; virtual machines often lack hardware events.',
        ENODEV: 'There is no such CPU, or it is offline.',
        ESRCH: `There is no process ${pid ?? ''}.`,
        EINVAL: 'The frequency may be above /proc/sys/kernel/perf_event_max_sample_rate.',
      });
    }
    events.push(event);
  }
  return keepPerfEvents(request, events, where);
}

/** CPUs of a list such as `0-3,6`. */
function onlineCpus(): number[] {
  return readFileSync('/sys/devices/system/cpu/online', 'utf8')
    .trim()
    .split(',')
    .flatMap((range) => {
      const [first = 0, last = first] = range.split('-').map(Number);
      return Array.from({ length: last - first + 1 }, (_each, i) => first + i);
    });
}
