import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A server that may use one processor only. */
export interface PinnedServer {
  port: number;
  /** Microseconds of processor time that it has used so far. */
  processorTime: () => number;
}

/** `CLK_TCK`: one hundredth of a second on every Linux of the last twenty years. */
const TICK_US = 10_000;

/**
 * Starts a server on one processor, and waits until it answers `/v2/`; it ends when the stack unwinds.
 *
 * @param command - makes program and arguments for a port.
 */
export async function startPinned(
  stack: AsyncDisposableStack,
  processor: number,
  command: (port: number) => readonly string[],
): Promise<PinnedServer> {
  const port = await freePort();
  // `taskset` becomes the program, so that the process is the server's own.
  const child = spawn('taskset', ['-c', String(processor), ...command(port)], { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  stack.defer(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  for (let attempt = 0; attempt < 100; attempt++) {
    const answers = await fetch(`http://127.0.0.1:${port}/v2/`).then(
      ({ status }) => status === 200,
      () => false,
    );
    if (answers) return { port, processorTime: () => processorTime(child.pid ?? 0) };
    await sleep(100);
  }
  throw new Error(`${command(port).join(' ')} did not start`);
}

/** User and system time of all threads (proc(5), fields 14 and 15). */
function processorTime(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
