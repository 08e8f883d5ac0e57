import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** GNU time, which asks the kernel for the peak memory of the child that it waited for. */
const GNU_TIME = '/usr/bin/time';

/** What to run. */
export interface ProcessOptions {
  /** Program and arguments. */
  command: readonly string[];
  /** In addition to this process's environment. */
  env?: Readonly<Record<string, string>>;
  /** Measures peak memory too, where GNU time is installed. Default false. */
  memory?: boolean;
  /** Ends the process with everything that it started. */
  signal: AbortSignal;
}

/** A process that ended with status 0. */
export interface FinishedProcess {
  /** From just before it was started until it was gone. */
  milliseconds: number;
  stdout: string;
  /** Lines of stderr with the milliseconds after the start at which they arrived here. */
  messages: { at: number; text: string }[];
  /** Largest resident set in MiB; `undefined` where it was not measured. */
  peakMemory: number | undefined;
}

/** Runs a whole process and times it. @throws {Error} with its last words where it does not end with status 0. */
export async function runProcess(options: ProcessOptions): Promise<FinishedProcess> {
  options.signal.throwIfAborted();
  if (!options.memory || !existsSync(GNU_TIME)) return run(options);
  const folder = await mkdtemp(join(tmpdir(), 'bpfship-bench-time-'));
  const file = join(folder, 'peak');
  try {
    const finished = await run({ ...options, command: [GNU_TIME, '-f', '%M', '-o', file, ...options.command] });
    return { ...finished, peakMemory: Number(readFileSync(file, 'utf8')) / 1024 };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function run({ command: [program = '', ...args], env, signal }: ProcessOptions): Promise<FinishedProcess> {
  const begin = performance.now();
  // A group of its own: what an interrupted process started must end with it, also behind GNU time.
  const child = spawn(program, args, {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  const stop = (): void => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGTERM');
  };
  signal.addEventListener('abort', stop, { once: true });
  let milliseconds = 0;
  let stdout = '';
  const messages: { at: number; text: string }[] = [];
  child.once('exit', () => (milliseconds = performance.now() - begin));
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  createInterface(child.stderr).on('line', (text) => messages.push({ at: performance.now() - begin, text }));
  try {
    const status = await new Promise<number | string | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, killedBy) => resolve(code ?? killedBy));
    });
    signal.throwIfAborted();
    if (status !== 0) throw new Error(`${[program, ...args].join(' ')} ended with ${status}:\n${lastWords(messages)}`);
    return { milliseconds, stdout, messages, peakMemory: undefined };
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function lastWords(messages: readonly { text: string }[]): string {
  return messages
    .slice(-12)
    .map(({ text }) => text)
    .join('\n');
}
