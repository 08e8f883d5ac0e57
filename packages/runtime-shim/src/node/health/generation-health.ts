import { readFileSync } from 'node:fs';
import type { BtfIndex } from '@bpfship/media-types';
import { hasProbes } from './watch-health.ts';

/** How a new generation stands with its health gate. */
export interface GenerationHealth {
  /** `pending` until it has passed or failed: while somebody watches it, and after the one that did was interrupted. */
  verdict: 'pending' | 'healthy' | 'failed';
  /** Id of the generation to go back to; absent where there was none. */
  before?: number;
  /** Who watches it, while it is pending. */
  watcher?: Watcher;
  /** What the probes said, a line each. */
  details?: string[];
}

/** A process, told apart from a later one that has its number. */
export interface Watcher {
  pid: number;
  /** When it was started, in clock ticks after the boot (proc(5), `starttime`). */
  started: string;
  /** Id of the boot. */
  boot: string;
}

/** Whether a new generation must pass the gate: `false` is no; seconds are how long. Default: where the service declares probes, an upgrade must. */
export type HealthChoice = false | { seconds?: number };

/** Whether a generation is to be watched. */
export function needsGate({ health }: BtfIndex, choice: HealthChoice | undefined, isUpgrade: boolean): boolean {
  return choice !== false && hasProbes(health) && (isUpgrade || choice !== undefined);
}

/** Health of a generation that this process is going to watch. */
export function pendingHealth(before: number | undefined): GenerationHealth {
  const watcher = thisProcess();
  return { verdict: 'pending', ...(before === undefined ? {} : { before }), ...(watcher ? { watcher } : {}) };
}

/** Whether the process that was to watch it still runs. */
export function isWatched({ watcher }: GenerationHealth): boolean {
  if (!watcher) return false;
  return watcher.boot === bootId() && watcher.started === startOf(watcher.pid);
}

function thisProcess(): Watcher | undefined {
  const [started, boot] = [startOf(process.pid), bootId()];
  return started === undefined || boot === undefined ? undefined : { pid: process.pid, started, boot };
}

function bootId(): string | undefined {
  return read('/proc/sys/kernel/random/boot_id')?.trim();
}

function startOf(pid: number): string | undefined {
  // The name in parentheses may hold spaces; the 20th field after it is the start.
  return read(`/proc/${pid}/stat`)?.split(') ').at(-1)?.split(' ')[19];
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
