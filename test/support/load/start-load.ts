import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Cable } from './cable.ts';

/** A process that makes numbered events. */
export interface Load extends AsyncDisposable {
  readonly pid: number;
  /** Stops it for a moment. @returns how many events it made; their numbers are 1 to this. */
  pause(): Promise<number>;
  resume(): void;
}

/** Compiles a source of this folder, on its own for machines without its libraries too. @returns the program's path. */
export function compileLoad(name: 'packets' | 'calls' | 'datagrams', folder: string): string {
  const program = join(folder, name);
  execFileSync('gcc', ['-O2', '-static', '-o', program, join(import.meta.dirname, `${name}.c`)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return program;
}

/** Sends numbered packets from the far end of a cable. @param rate - packets a second. */
export function startPackets(program: string, cable: Cable, rate: number, processor = 0): Load {
  const args = ['netns', 'exec', cable.namespace, program, 'far', cable.address, String(rate), String(processor)];
  return start('ip', args);
}

/** Sends numbered datagrams from a cgroup to this machine itself. @param rate - datagrams a second. */
export function startDatagrams(program: string, cgroup: string, rate: number, processor = 0): Load {
  return start(program, [cgroup, String(rate), String(processor)]);
}

/** Makes numbered system calls. @param rate - calls a second; 0: as fast as it can. */
export function startCalls(program: string, mark: number, rate: number, processor = 0): Load {
  return start(program, [String(mark), String(rate), String(processor)]);
}

function start(program: string, args: readonly string[]): Load {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface(child.stdout);
  const ended = once(child, 'close');
  const gone = ended.then(() => {
    throw new Error('the load has ended of itself');
  });
  // Of no interest but to those who wait for an answer.
  gone.catch(() => undefined);
  return {
    pid: child.pid ?? 0,
    async pause() {
      const answer = once(lines, 'line') as Promise<[string]>;
      child.stdin.write('count\n');
      const [line] = await Promise.race([answer, gone]);
      return Number(line);
    },
    resume: () => void child.stdin.write('go\n'),
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await ended;
    },
  };
}
