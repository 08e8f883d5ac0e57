import { existsSync, readFileSync } from 'node:fs';
import { Arena } from '../native/arena.ts';
import type { Bpf } from '../native/bpf.ts';

/** PERF_ATTR_SIZE_VER5 (include/uapi/linux/perf_event.h). */
const PERF_ATTR_SIZE = 112;
const PERF_FLAG_CLOSE_ON_EXEC = 8;
const FLAG_FREQUENCY = 1n << 10n;

/** One perf event (perf_event_open(2), struct perf_event_attr). */
export interface PerfEvent {
  /** Number of the kind of events. */
  type: number;
  config: bigint;
  /** Function of a kprobe, or file of a uprobe. */
  text?: string;
  /** Bytes into it. */
  offset?: bigint;
  /** A sample for so many events. */
  period?: number;
  /** Samples a second. */
  frequency?: number;
  /** Only this process. Default: all, and then one CPU must be named. */
  pid?: number;
  /** Default: 0, where no process is named: events that are not of a CPU want any. */
  cpu?: number;
}

/** Opens a perf event. @returns its descriptor, or `-errno`. */
export function openPerfEvent(bpf: Bpf, event: PerfEvent): number {
  using arena = new Arena();
  const attr = Buffer.alloc(PERF_ATTR_SIZE);
  attr.writeUInt32LE(event.type, 0);
  attr.writeUInt32LE(PERF_ATTR_SIZE, 4);
  attr.writeBigUInt64LE(event.config, 8);
  attr.writeBigUInt64LE(BigInt(event.frequency ?? event.period ?? 0), 16);
  attr.writeBigUInt64LE(event.frequency === undefined ? 0n : FLAG_FREQUENCY, 40);
  if (event.text !== undefined) attr.writeBigUInt64LE(arena.string(event.text), 56);
  attr.writeBigUInt64LE(event.offset ?? 0n, 64);
  const { pid = -1 } = event;
  const cpu = event.cpu ?? (pid === -1 ? 0 : -1);
  const fd = bpf.native.perfEventOpen(attr, pid, cpu, -1, PERF_FLAG_CLOSE_ON_EXEC);
  return fd < 0 ? -bpf.native.errno() : fd;
}

/** A kind of dynamic perf events, `kprobe` or `uprobe`: its number and the bit of `config` that asks for the function's return. */
export interface ProbeKind {
  type: number;
  returnBit: bigint;
}

const DEVICES = '/sys/bus/event_source/devices';

/** @returns `undefined` where the kernel has none, or sysfs is not mounted. */
export function probeKind(name: 'kprobe' | 'uprobe'): ProbeKind | undefined {
  const type = readNumber(`${DEVICES}/${name}/type`);
  if (type === undefined) return undefined;
  const format = readText(`${DEVICES}/${name}/format/retprobe`);
  return { type, returnBit: 1n << BigInt(/^config:(\d+)/.exec(format ?? '')?.[1] ?? 0) };
}

/** Number of a tracepoint, `group/name`, from tracefs. */
export function tracepointNumber(bpf: Bpf, name: string): number | undefined {
  const mounted = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'].find((path) => existsSync(`${path}/events`));
  const tracefs = mounted ?? bpf.tracefs();
  return tracefs === undefined ? undefined : readNumber(`${tracefs}/events/${name}/id`);
}

function readNumber(path: string): number | undefined {
  const number = Number(readText(path) ?? Number.NaN);
  return Number.isInteger(number) ? number : undefined;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
