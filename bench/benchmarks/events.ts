import { existsSync } from 'node:fs';
import { measureReading, type Reading } from '../events/measure-reading.ts';
import type { ReadMode } from '../events/read-events.ts';
import { type Series, summarize } from '../support/statistics.ts';
import { hasCommand } from '../../tools/machine/system-packages.ts';
import type { Benchmark, BenchmarkContext, Findings } from './benchmark.ts';

/** Events a second, as issue 4 asks for them. */
const RATE = 200_000;
const RUNS = 3;
const SECONDS = 5;
const IDLE_SECONDS = 20;

const MODES: Readonly<Record<ReadMode, string>> = {
  count: 'counted',
  field: 'one field of each read and added up',
  decode: 'every field of each decoded',
  json: 'each as a line of JSON',
};

/** Events from the kernel to those who want them. */
export const events: Benchmark = {
  name: 'events',
  question: `What does it cost to read, decode and count ${RATE.toLocaleString('en')} events a second on one core?`,
  whyNot: () => Promise.resolve(problem()),
  run,
};

function problem(): string | undefined {
  if (process.getuid?.() !== 0 || !existsSync('/sys/kernel/btf/vmlinux')) return 'programs cannot be loaded here';
  return hasCommand('clang') && hasCommand('gcc') ? undefined : 'clang and gcc are needed (npm start installs them)';
}

async function run({ signal, quick, say }: BenchmarkContext): Promise<Findings> {
  const runs = quick ? 1 : RUNS;
  const seconds = quick ? 1 : SECONDS;
  const steady: Series[] = [];
  const lines: string[] = [];
  const counts: Record<string, number> = {};
  for (const buffer of ['ringbuf', 'perf'] as const) {
    for (const mode of Object.keys(MODES) as ReadMode[]) {
      say(`${buffer}, ${MODES[mode]}, at ${RATE} events a second`);
      const readings: Reading[] = [];
      for (let i = 0; i < runs; i++) readings.push(await measureReading({ buffer, mode, rate: RATE, seconds, signal }));
      steady.push(summarize(`${buffer}: ${MODES[mode]}`, 'ms', readings.map(cpuOfEvents)));
      const [made, lost] = [sum(readings, ({ made: all }) => all), sum(readings, lostOf)];
      lines.push(
        `${buffer}, ${MODES[mode]}: ${made} made, ${Math.round(made / sum(readings, ({ elapsed }) => elapsed / 1000))} a second, ${lost} lost, all of them counted`,
      );
      counts[`${buffer}-${mode}-made`] = made;
      counts[`${buffer}-${mode}-lost`] = lost;
    }
  }
  say('ringbuf, as many events as one processor makes');
  const flood = await measureReading({ buffer: 'ringbuf', mode: 'decode', rate: 0, seconds, signal });
  const rate = Math.round(flood.events / (flood.elapsed / 1000));
  lines.push(
    `ringbuf, ${MODES.decode}, as many as one processor makes: ${rate} a second read, ${lostOf(flood)} of ${flood.made} lost, all of them counted; the buffer was found full ${flood.full} times`,
  );
  counts['flood-per-second'] = rate;
  say('nothing happens');
  const idle = await measureReading({
    buffer: 'ringbuf',
    mode: 'decode',
    rate: 1,
    seconds: quick ? 1 : IDLE_SECONDS,
    signal,
  });
  return {
    method: [
      'Events of 56 bytes with 9 fields are sent by a raw tracepoint program for numbered system calls, which one process makes on the first processor at a steady rate.',
      'The reader is another process, all of whose threads run on the second processor alone; its CPU time is that of all threads, without its start.',
      `${RUNS} runs of ${SECONDS} seconds each. A run fails where the events that were read and those that are known to be lost are not together all that were made.`,
      'What a perf event array loses, the kernel says. A ring buffer does not: the program counts the sends that failed, as the reader cannot.',
    ],
    peers: {},
    groups: [
      { title: `CPU for ${RATE.toLocaleString('en')} events (1,000 ms in a second is one core)`, series: steady },
      { title: 'CPU of one second while nothing comes', series: [summarize('ringbuf', 'ms', [cpuPerSecond(idle)])] },
    ],
    comparisons: [],
    lists: [{ title: 'Made and lost', lines }],
    counts,
  };
}

/** For as many events as come in a second, also where the machine was too busy to make as many. */
function cpuOfEvents({ cpu, events: read }: Reading): number {
  return (cpu * RATE) / Math.max(read, 1);
}

function cpuPerSecond({ cpu, elapsed }: Reading): number {
  return (cpu * 1000) / elapsed;
}

function lostOf({ lost, unsent }: Reading): number {
  return Math.max(lost, unsent);
}

function sum(readings: readonly Reading[], of: (reading: Reading) => number): number {
  return readings.reduce((total, reading) => total + of(reading), 0);
}
