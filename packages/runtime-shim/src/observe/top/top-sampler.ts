import type { EventHub } from '../events/event-hub.ts';
import type { OpenHub } from '../events/shared-hubs.ts';
import type { MeasuredProgram } from '../metrics/service-metrics.ts';

const NANOSECONDS_PER_MS = 1e6;

/** What happens on a node, between two looks. */
export interface TopSample {
  /** RFC 3339. */
  time: string;
  /** Milliseconds since the look before. */
  elapsed: number;
  services: TopService[];
}

/** What a service does, its programs together. */
export interface TopService extends TopNumbers {
  service: string;
  /** Absent where nobody reads its events: looking on would take them away from who reads them next. */
  eventsPerSecond?: number;
  /** Events that are known to be lost. */
  lostPerSecond?: number;
  programs: TopProgram[];
}

/** What a program does. */
export interface TopProgram extends TopNumbers {
  program: string;
  hook: string;
  /** The kernel's id. */
  id: number;
}

/** Numbers of a program, or of several together. */
export interface TopNumbers {
  runsPerSecond: number;
  /** 0 where it did not run. */
  nanosecondsPerRun: number;
  /** Of one CPU. */
  cpuPercent: number;
  missedPerSecond: number;
  /** Bytes. */
  memory: number;
}

/** What a sampler asks. */
export interface TopSource {
  programStatistics(): Promise<MeasuredProgram[]>;
  /** The events of a service where somebody reads them already. */
  joinEvents(service: string): Promise<OpenHub | undefined>;
}

interface Look {
  at: number;
  programs: ReadonlyMap<string, MeasuredProgram>;
  events: ReadonlyMap<string, { events: number; lost: number }>;
}

/** Looks at the node again and again: each sample tells what happened since the one before. The kernel must be told to count meanwhile. */
export class TopSampler implements AsyncDisposable {
  readonly #source: TopSource;
  readonly #hubs = new Map<string, OpenHub>();
  #before: Look | undefined;

  constructor(source: TopSource) {
    this.#source = source;
  }

  /** Where numbers begin. */
  async begin(): Promise<void> {
    this.#before = await this.#look();
  }

  async sample(): Promise<TopSample> {
    const before = this.#before ?? (await this.#look());
    const now = await this.#look();
    this.#before = now;
    const elapsed = Math.max(now.at - before.at, 1);
    const byService = Map.groupBy(now.programs.values(), ({ service }) => service);
    const services = [...byService].map(([service, programs]): TopService => {
      const measured = programs.map((each) => programNumbers(each, before.programs.get(keyOf(each)), elapsed));
      return { service, ...eventNumbers(service, before, now), ...together(measured), programs: measured };
    });
    return { time: new Date().toISOString(), elapsed: Math.round(elapsed), services };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const [, opened] of this.#hubs) await opened[Symbol.asyncDispose]();
    this.#hubs.clear();
  }

  async #look(): Promise<Look> {
    const programs = await this.#source.programStatistics();
    const events = new Map<string, { events: number; lost: number }>();
    for (const service of new Set(programs.map((each) => each.service))) {
      const hub = await this.#join(service);
      const streams = hub?.statistics() ?? [];
      if (hub) {
        events.set(service, {
          events: streams.reduce((sum, stream) => sum + stream.events, 0),
          lost: streams.reduce((sum, stream) => sum + stream.lost, 0),
        });
      }
    }
    return { at: performance.now(), programs: new Map(programs.map((each) => [keyOf(each), each])), events };
  }

  async #join(service: string): Promise<EventHub | undefined> {
    const known = this.#hubs.get(service);
    if (known && !known.hub.hasEnded) return known.hub;
    if (known) {
      this.#hubs.delete(service);
      await known[Symbol.asyncDispose]();
    }
    const joined = await this.#source.joinEvents(service).catch(() => undefined);
    if (joined) this.#hubs.set(service, joined);
    return joined?.hub;
  }
}

function keyOf({ service, program, id }: MeasuredProgram): string {
  return `${service} ${program} ${id}`;
}

/** A program that was not there before has come with an upgrade: all it did is new. */
function programNumbers(now: MeasuredProgram, before: MeasuredProgram | undefined, elapsed: number): TopProgram {
  const { program, hook, id, memory } = now;
  const since = (count: 'runs' | 'nanoseconds' | 'missed'): number =>
    Math.max(0, Number(now[count] - (before?.[count] ?? 0n)));
  const [runs, nanoseconds, missed] = [since('runs'), since('nanoseconds'), since('missed')];
  return {
    program,
    hook,
    id,
    runsPerSecond: rounded((runs * 1000) / elapsed),
    nanosecondsPerRun: runs === 0 ? 0 : rounded(nanoseconds / runs),
    cpuPercent: rounded((nanoseconds / (elapsed * NANOSECONDS_PER_MS)) * 100),
    missedPerSecond: rounded((missed * 1000) / elapsed),
    memory,
  };
}

function together(programs: readonly TopProgram[]): TopNumbers {
  const sum = (number: keyof TopNumbers): number => rounded(programs.reduce((total, each) => total + each[number], 0));
  const runsPerSecond = sum('runsPerSecond');
  const time = programs.reduce((total, each) => total + each.runsPerSecond * each.nanosecondsPerRun, 0);
  return {
    runsPerSecond,
    nanosecondsPerRun: runsPerSecond === 0 ? 0 : rounded(time / runsPerSecond),
    cpuPercent: sum('cpuPercent'),
    missedPerSecond: sum('missedPerSecond'),
    memory: sum('memory'),
  };
}

/** More digits than the clock has would only look exact. */
function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}

function eventNumbers(service: string, before: Look, now: Look): Pick<TopService, 'eventsPerSecond' | 'lostPerSecond'> {
  const last = now.events.get(service);
  if (!last) return {};
  const first = before.events.get(service) ?? last;
  const elapsed = Math.max(now.at - before.at, 1);
  return {
    eventsPerSecond: rounded((Math.max(0, last.events - first.events) * 1000) / elapsed),
    lostPerSecond: rounded((Math.max(0, last.lost - first.lost) * 1000) / elapsed),
  };
}
