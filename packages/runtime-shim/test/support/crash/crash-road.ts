import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { InstallOptions } from '../../../src/node/node-options.ts';
import type { FileOperation } from '../power-cut/file-operation.ts';

/** A change that another process makes. */
export interface Change {
  stateDir: string;
  bpffsDir: string;
  /** OCI layout with the packages. */
  layout: string;
  change: 'install' | 'upgrade' | 'rollback' | 'uninstall' | 'restore' | 'stop' | 'start' | 'targets';
  version: string;
  attach: NonNullable<InstallOptions['attach']>;
  /** Generation to roll back to. */
  to?: number;
}

/** What the process passed. */
export interface Passed {
  /** Names of the points, from the taking of the node's lock on, in order. */
  points: string[];
  /** The point at which it died; `undefined` where it came to its end. */
  diedAt: string | undefined;
}

/**
 * Makes a change in a process of its own, which is killed before one of its operations.
 *
 * @param folder - names of points are relative to it; the log is kept in it.
 * @param dieAt - name of the point; `undefined`: after all.
 * @throws {Error} with the process's last words where it ends otherwise.
 */
export async function makeChange(folder: string, change: Change, dieAt?: string): Promise<Passed> {
  const lines = await run(folder, change, join(import.meta.dirname, 'die-at.ts'), (log) => ({
    BPFSHIP_CRASH_LOG: log,
    BPFSHIP_CRASH_AT: dieAt ?? '',
    BPFSHIP_CRASH_ROOT: `${folder}/`,
  }));
  const died = lines.findLast((line) => line.startsWith('died at '))?.slice('died at '.length);
  const names = lines.filter((line) => !line.startsWith('died at '));
  return { points: names.slice(names.findIndex((name) => name.startsWith('flock'))), diedAt: died };
}

/**
 * Makes a change in a process of its own, which writes down what it does to files.
 *
 * @param folder - for the log.
 * @param root - files below it are told of.
 */
export async function recordChange(folder: string, root: string, change: Change): Promise<FileOperation[]> {
  const preloaded = join(import.meta.dirname, '..', 'power-cut', 'record-files.ts');
  const lines = await run(folder, change, preloaded, (log) => ({ BPFSHIP_RECORD_LOG: log, BPFSHIP_RECORD_ROOT: root }));
  return lines.map((line) => JSON.parse(line) as FileOperation);
}

/** @returns the lines that the preloaded module wrote. */
async function run(
  folder: string,
  change: Change,
  preloaded: string,
  environment: (log: string) => Record<string, string>,
): Promise<string[]> {
  const log = join(folder, 'log');
  rmSync(log, { force: true });
  const script = join(import.meta.dirname, 'change.ts');
  const child = spawn(process.execPath, ['--import', preloaded, script, JSON.stringify(change)], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...environment(log), NODE_COMPILE_CACHE: join(folder, 'compile-cache') },
  });
  let words = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (words += text));
  const [, signal] = (await once(child, 'close')) as [number | null, string | null];
  if (signal !== 'SIGKILL') throw new Error(`the changing process was not killed (${signal}): ${words}`);
  return readFileSync(log, 'utf8').split('\n').filter(Boolean);
}

/** Points at which to die: every one, and the middle of every write of the state. */
export function deathsOf({ points }: Passed): string[] {
  return points.flatMap((name) => (/^write .*services\//.test(name) ? [name, `${name} (torn)`] : [name]));
}

/** At most so many of them, evenly spread; the first and the last are among them. */
export function spread<T>(all: readonly T[], count: number): T[] {
  if (all.length <= count) return [...all];
  return Array.from({ length: count }, (_, i) => all[Math.round((i * (all.length - 1)) / (count - 1))] as T);
}
