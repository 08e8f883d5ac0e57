import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { run } from '../../src/run.ts';
import type { Streams } from '../../src/terminal/streams.ts';

/** The program as users start it. */
export const BIN: string = join(import.meta.dirname, '..', '..', 'bin', 'bpfship.js');

/** How a command ended. */
export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Surroundings of a command; everything that is not given is empty. */
export interface Surroundings {
  readonly input?: string;
  readonly env?: Record<string, string>;
  readonly tty?: boolean;
  readonly signal?: AbortSignal;
  readonly cwd?: string;
  /** Only for processes: runs it as this user and group. */
  readonly uid?: number;
  /** Only for processes: the Node that runs it. Default: this one. */
  readonly node?: string;
}

/** Runs a command in this process, with streams of its own. */
export async function runCli(args: readonly string[], surroundings: Surroundings = {}): Promise<Outcome> {
  const { input = '', env = {}, tty = false, signal = new AbortController().signal } = surroundings;
  const [stdout, stderr] = [collector(tty), collector(tty)];
  const streams = {
    stdin: Readable.from([input]),
    stdout: stdout.stream,
    stderr: stderr.stream,
    env,
    cwd: surroundings.cwd ?? process.cwd(),
  };
  const status = await run(args, streams, signal);
  return { status, stdout: stdout.text(), stderr: stderr.text() };
}

/** Starts the program as a process. `BPFSHIP_*` and credentials of the surroundings are kept away from it. */
export function startCli(args: readonly string[], surroundings: Surroundings = {}): RunningCli {
  const { env = {}, cwd, input, uid, node = process.execPath } = surroundings;
  const child = spawn(node, [BIN, ...args], { env: { ...cleanEnvironment(), ...env }, cwd, uid, gid: uid });
  child.stdin.on('error', () => undefined);
  child.stdin.end(input ?? '');
  const chunks = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => void (chunks.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => void (chunks.stderr += text));
  const ended = new Promise<Outcome>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, ...chunks }));
  });
  return { child, ended };
}

/** A started program. */
export interface RunningCli {
  readonly child: ChildProcess;
  readonly ended: Promise<Outcome>;
}

/** Runs the program as a process, to its end. */
export function spawnCli(args: readonly string[], surroundings: Surroundings = {}): Promise<Outcome> {
  return startCli(args, surroundings).ended;
}

/** Resolves when the process wrote the text on one of its streams. */
export function seen({ child, ended }: RunningCli, stream: 'stdout' | 'stderr', text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let all = '';
    child[stream]?.on('data', (chunk: string) => {
      all += chunk;
      if (all.includes(text)) resolve();
    });
    void ended.then((outcome) => reject(new Error(`ended without "${text}": ${JSON.stringify(outcome)}`)));
  });
}

export function cleanEnvironment(): Record<string, string | undefined> {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(?:BPFSHIP_|COSIGN_|DOCKER_|REGISTRY_|SOURCE_DATE)/.test(name),
  );
  return Object.fromEntries(kept);
}

function collector(tty: boolean): { stream: Streams['stdout']; text: () => string } {
  let all = '';
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      all += chunk.toString('utf8');
      done();
    },
  });
  return { stream: Object.assign(stream, { isTTY: tty }), text: () => all };
}
