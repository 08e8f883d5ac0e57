import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT } from './machine.ts';

/** A running bpfship-shim. */
export interface DaemonProcess {
  readonly pid: number;
  /** One request to its socket. @throws {Error} what it answered, where that is an error. */
  call<T>(method: string, path: string, body?: object): Promise<T>;
  /** Processor time of all its threads since its start, in milliseconds. */
  cpu(): number;
  /** Resident memory in MiB. */
  memory(): number;
}

/** Starts the daemon as a user does; it ends when the stack unwinds. */
export async function startDaemon(
  stack: AsyncDisposableStack,
  env: Readonly<Record<string, string>>,
): Promise<DaemonProcess> {
  const program = join(ROOT, 'packages', 'runtime-shim', 'bin', 'bpfship-shim.js');
  const child = spawn(process.execPath, [program, '--log-level', 'error'], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ...env },
  });
  const ended = once(child, 'exit');
  stack.defer(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  const { pid = 0 } = child;
  const socket = join(env['BPFSHIP_STATE_DIR'] ?? '', 'shim.sock');
  const daemon: DaemonProcess = {
    pid,
    call: (method, path, body) => call(socket, method, path, body),
    cpu: () => cpuOf(pid),
    memory: () => Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024,
  };
  for (let tries = 0; ; tries++) {
    try {
      const { status } = await daemon.call<{ status: string }>('GET', '/v1/health');
      if (status !== 'starting') return daemon;
    } catch (error) {
      if (tries > 200 || child.exitCode !== null) throw error;
    }
    await sleep(50);
  }
}

/** The kernel's own count for each thread, in nanoseconds (Documentation/scheduler/sched-stats.rst); ticks would miss short work. */
function cpuOf(pid: number): number {
  const tasks = `/proc/${pid}/task`;
  const times = readdirSync(tasks).map((id) => Number(readFileSync(`${tasks}/${id}/schedstat`, 'utf8').split(' ')[0]));
  return times.reduce((sum, time) => sum + time, 0) / 1e6;
}

async function call<T>(socketPath: string, method: string, path: string, body: object | undefined): Promise<T> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const headers =
    text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
  const outgoing = request({ socketPath, method, path, headers, agent: false }).end(text);
  const [response] = (await once(outgoing, 'response')) as [AsyncIterable<Uint8Array> & { statusCode?: number }];
  const chunks: Uint8Array[] = [];
  for await (const chunk of response) chunks.push(chunk);
  const answer = Buffer.concat(chunks).toString('utf8');
  if ((response.statusCode ?? 0) >= 400) throw new Error(`the daemon answered ${response.statusCode}: ${answer}`);
  return JSON.parse(answer) as T;
}
