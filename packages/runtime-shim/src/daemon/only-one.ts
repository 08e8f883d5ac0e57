import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { ShimError, stateError } from '../shim-error.ts';
import type { System } from './system.ts';

/** The right to be the daemon of a state folder; it ends with the process, however that ends. */
export interface OnlyOne extends Disposable {
  readonly path: string;
}

/**
 * Makes this process the one daemon of a state folder.
 *
 * @throws {ShimError} `ERR_SHIM_DAEMON_RUNS`, which names the process that is it already.
 */
export function becomeOnlyOne(system: System, stateDir: string): OnlyOne {
  const path = join(stateDir, 'shim.lock');
  let fd: number;
  try {
    fd = openSync(path, 'a+', 0o600);
  } catch (error) {
    throw stateError(error, `opening ${path}`);
  }
  if (!system.lock(fd)) {
    closeSync(fd);
    const pid = /^\d{1,10}$/.exec(readText(path))?.[0];
    throw new ShimError(
      'ERR_SHIM_DAEMON_RUNS',
      `bpfship-shim runs on ${stateDir} already${pid === undefined ? '' : `, as process ${pid}`}`,
      {
        hint: `One daemon serves a state folder. Stop it first${pid === undefined ? '' : ` (kill ${pid})`}, or name another folder with --state-dir.`,
      },
    );
  }
  try {
    ftruncateSync(fd);
    writeSync(fd, String(process.pid), 0);
  } catch (error) {
    closeSync(fd);
    throw stateError(error, `writing ${path}`);
  }
  return { path, [Symbol.dispose]: () => closeSync(fd) };
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8').slice(0, 32).trim();
  } catch {
    return '';
  }
}
