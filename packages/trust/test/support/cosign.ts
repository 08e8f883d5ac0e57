import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { fetchPeer } from '../../../../tools/machine/peers.ts';

const run = promisify(execFile);

/** Where cosign 3 is, or why it is not there. */
export type Cosign = { readonly path: string } | { readonly missing: string };

/** Debian's cosign, fetched once. */
export function findCosign(): Cosign {
  try {
    return { path: fetchPeer('cosign') };
  } catch (error) {
    return { missing: (error as Error).message.split('\n').slice(0, 3).join(' ') };
  }
}

/** How a run of cosign ended. */
export interface CosignResult {
  status: number;
  output: string;
}

/** Makes a function that runs cosign in a folder, with nothing of the user's settings. */
export function cosignIn(path: string, folder: string): (...args: string[]) => Promise<CosignResult> {
  const env = { HOME: folder, PATH: process.env['PATH'], COSIGN_PASSWORD: 'secret', DOCKER_CONFIG: folder };
  return async (...args) => {
    try {
      const { stdout, stderr } = await run(path, args, { cwd: folder, env, timeout: 60_000 });
      return { status: 0, output: stdout + stderr };
    } catch (error) {
      const {
        code,
        stdout = '',
        stderr = '',
        message,
      } = error as Error & { code?: unknown; stdout?: string; stderr?: string };
      if (typeof code !== 'number') throw new Error(`cosign could not be run: ${message}`, { cause: error });
      return { status: code, output: stdout + stderr };
    }
  };
}
