import type { TopNumbers, TopSample, TopService } from '@bpfship/runtime-shim';
import { sanitizeLine } from './sanitize.ts';
import { formatBytes, numberTable } from './table.ts';

/** What stands first. */
export type SortOrder = 'cpu' | 'runs' | 'time' | 'memory' | 'events' | 'name';

/** Key → order. */
export const SORT_KEYS: Readonly<Record<string, SortOrder>> = {
  c: 'cpu',
  r: 'runs',
  t: 'time',
  m: 'memory',
  e: 'events',
  n: 'name',
};

const HEADINGS = ['SERVICE / PROGRAM', 'HOOK', 'EVENTS/S', 'LOST/S', 'RUNS/S', 'NS/RUN', 'CPU%', 'MISSED/S', 'MEMORY'];
const RIGHT = [false, false, true, true, true, true, true, true, true];
/** Hooks that are longer are cut: the numbers matter. */
const MAX_HOOK = 32;
const BOLD = '\u001b[1m';
const REVERSE = '\u001b[7m';

/** A sample as a table: each service with its programs below it. */
export function topLines(
  { time, elapsed, services }: TopSample,
  { sort, colour = false, title }: { sort: SortOrder; colour?: boolean; title?: string },
): string[] {
  const sorted = services.toSorted((a, b) => weigh(b, sort) - weigh(a, sort) || compareNames(a.service, b.service));
  const rows = sorted.flatMap((service) => [
    serviceRow(service),
    ...service.programs
      .toSorted((a, b) => weigh(b, sort) - weigh(a, sort) || compareNames(a.program, b.program))
      .map((program) => [`  ${program.program}`, cutHook(program.hook), '', '', ...numbersOf(program)]),
  ]);
  const [heading = '', ...lines] = numberTable([HEADINGS, ...rows.map((row) => row.map(sanitizeLine))], RIGHT).split(
    '\n',
  );
  const isService = rows.map(([name = '']) => !name.startsWith(' '));
  const about = `${title === undefined ? '' : `${title}  `}${time}  ${count(services)}, over ${(elapsed / 1000).toFixed(1)} s, by ${sort}`;
  if (rows.length === 0) return [about, '', 'No service has a program in the kernel.'];
  if (!colour) return [about, heading, ...lines];
  return [about, '', `${REVERSE}${heading}`, ...lines.map((line, i) => (isService[i] ? `${BOLD}${line}` : line))];
}

function count(services: readonly TopService[]): string {
  const programs = services.reduce((sum, service) => sum + service.programs.length, 0);
  return `${services.length} service${services.length === 1 ? '' : 's'}, ${programs} program${programs === 1 ? '' : 's'}`;
}

function serviceRow(service: TopService): string[] {
  const { eventsPerSecond, lostPerSecond } = service;
  return [service.service, '', rate(eventsPerSecond), rate(lostPerSecond), ...numbersOf(service)];
}

function rate(value: number | undefined): string {
  return value === undefined ? '-' : short(value);
}

function numbersOf({ runsPerSecond, nanosecondsPerRun, cpuPercent, missedPerSecond, memory }: TopNumbers): string[] {
  return [
    short(runsPerSecond),
    nanosecondsPerRun === 0 ? '-' : short(nanosecondsPerRun),
    cpuPercent.toFixed(2),
    short(missedPerSecond),
    formatBytes(memory),
  ];
}

function weigh(numbers: TopNumbers & { eventsPerSecond?: number }, sort: SortOrder): number {
  switch (sort) {
    case 'cpu':
      return numbers.cpuPercent;
    case 'runs':
      return numbers.runsPerSecond;
    case 'time':
      return numbers.nanosecondsPerRun;
    case 'memory':
      return numbers.memory;
    case 'events':
      return numbers.eventsPerSecond ?? 0;
    default:
      return 0;
  }
}

function compareNames(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Whole numbers, but for the small ones. */
function short(value: number): string {
  return value > 0 && value < 10 ? value.toFixed(1) : String(Math.round(value));
}

function cutHook(hook: string): string {
  return hook.length > MAX_HOOK ? `${hook.slice(0, MAX_HOOK - 1)}…` : hook;
}
