import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { openNode } from '@bpfship/runtime-shim';
import { packServices } from '../../packages/runtime-shim/test/support/test-service.ts';
import { compileLoad, startCalls } from '../../test/support/load/start-load.ts';
import { mountBpfFileSystem } from '../support/bpf-file-system.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';
import { numberedEvents } from './numbered-events.ts';
import type { ReadMode, ReadReport } from './read-events.ts';

const SERVICE = 'numbered-events';

/** What to measure. */
export interface ReadingOptions {
  buffer: 'ringbuf' | 'perf';
  mode: ReadMode;
  /** Events a second; 0: as many as one processor makes. */
  rate: number;
  seconds: number;
  signal: AbortSignal;
}

/** What came of it: every event that was made was read, or is counted as lost. */
export interface Reading extends ReadReport {
  made: number;
  /** Events that the program could not send; it counts them itself. */
  unsent: number;
}

/**
 * Lets one process make events on one processor, and another one read them on a second processor alone.
 *
 * @throws {Error} where events are neither read nor counted as lost, or were read twice.
 */
export async function measureReading(options: ReadingOptions): Promise<Reading> {
  const { buffer, rate, seconds, signal, mode } = options;
  await using stack = new AsyncDisposableStack();
  const folder = await makeTemporaryFolder(stack, 'events');
  const bpffsDir = await mountBpfFileSystem(stack, folder);
  const stateDir = join(folder, 'state');
  // Nobody else calls getpgid with this.
  const mark = 0x65_76_00_00 + process.pid;
  const packed = await packServices([
    { name: SERVICE, version: '1.0.0', variants: { one: numberedEvents(buffer, mark) } },
  ]);
  const node = stack.use(await openNode({ stateDir, bpffsDir }));
  await node.install(packed.unsigned('1.0.0'));
  stack.defer(() => node.uninstall({ service: SERVICE }));
  const program = compileLoad('calls', folder);

  const reader = startReader([stateDir, bpffsDir, SERVICE, mode], signal);
  stack.defer(reader.end);
  await reader.reading;
  const load = startCalls(program, mark, rate);
  stack.defer(() => load[Symbol.asyncDispose]());
  await sleep(seconds * 1000, undefined, { signal });
  const made = await load.pause();
  const report = await reader.stop();
  const entries = (await node.dumpMap(SERVICE, 'sent', 2)) ?? [];
  const [sent = 0, unsent = 0] = entries.map(({ value }) => Number(value));
  const lost = buffer === 'perf' ? report.lost : unsent;
  if (sent + unsent !== made || report.events + lost !== made)
    throw new Error(`${made} events were made, ${report.events} were read, and ${lost} are known to be lost`);
  return { ...report, made, unsent };
}

interface Reader {
  reading: Promise<unknown>;
  stop(): Promise<ReadReport>;
  end: () => Promise<void>;
}

/** The load is on the first processor. */
function startReader(args: readonly string[], signal: AbortSignal): Reader {
  const script = join(import.meta.dirname, 'read-events.ts');
  const node = [process.execPath, script, ...args];
  const [command = '', ...rest] = availableParallelism() > 1 ? ['taskset', '-c', '1', ...node] : node;
  const child = spawn(command, rest, { stdio: ['pipe', 'pipe', 'inherit'], signal });
  const lines = createInterface(child.stdout);
  const ended = once(child, 'close').catch(() => undefined);
  const line = async (): Promise<string> => {
    const [text] = (await Promise.race([once(lines, 'line'), ended.then(() => [])])) as [string?];
    if (text === undefined) throw new Error('the reader has ended of itself');
    return text;
  };
  return {
    reading: line(),
    async stop() {
      const answer = line();
      child.stdin.end();
      return JSON.parse(await answer) as ReadReport;
    },
    async end() {
      child.stdin.end();
      await ended;
    },
  };
}
