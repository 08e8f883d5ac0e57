import type { FinishedProcess } from '../support/run-process.ts';
import { type Series, summarize } from '../support/statistics.ts';

/** One install, taken apart. */
export interface InstallRun {
  process: FinishedProcess;
  /** Milliseconds from the process's start to the first step. */
  start: number;
  /** Milliseconds of each step, in order. */
  steps: Map<string, number>;
  /** What the whole process took besides start and steps. */
  rest: number;
  requests: number;
  bytes: number;
}

/** The members of `install --format json` that are read here. */
interface InstallJson {
  requests: number;
  bytes: number;
  steps: { step: string; milliseconds: number }[];
}

/** Reads an install's result and the moments at which it told of its steps. @throws {Error} where it told of none. */
export function readInstallRun(process: FinishedProcess): InstallRun {
  const { requests, bytes, steps } = JSON.parse(process.stdout) as InstallJson;
  const [first] = steps;
  const told = first && process.messages.find(({ text }) => text.trimStart().startsWith(`${first.step} `));
  if (!told) throw new Error('install told of no steps');
  // A step is told of when it is done.
  const start = told.at - first.milliseconds;
  const sums = new Map<string, number>();
  for (const { step, milliseconds } of steps) sums.set(step, (sums.get(step) ?? 0) + milliseconds);
  const inSteps = steps.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  return { process, start, steps: sums, rest: process.milliseconds - start - inSteps, requests, bytes };
}

/** Series of all parts; the whole process comes first. */
export function installSeries(runs: readonly InstallRun[]): Series[] {
  const of = (name: string, read: (run: InstallRun) => number): Series => summarize(name, 'ms', runs.map(read));
  const names = [...(runs[0]?.steps.keys() ?? [])];
  const memory = runs.flatMap(({ process }) => process.peakMemory ?? []);
  return [
    of('whole process', ({ process }) => process.milliseconds),
    of('start', ({ start }) => start),
    ...names.map((name) => of(name, ({ steps }) => steps.get(name) ?? 0)),
    of('rest', ({ rest }) => rest),
    summarize(
      'requests',
      'requests',
      runs.map(({ requests }) => requests),
    ),
    summarize(
      'fetched',
      'bytes',
      runs.map(({ bytes }) => bytes),
    ),
    ...(memory.length > 0 ? [summarize('peak memory', 'MiB', memory)] : []),
  ];
}
