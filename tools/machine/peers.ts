import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { CACHE, fetchDebianPackages } from './debian-archive.ts';
import { buildGoProgram } from './go-program.ts';

/** Peers that Debian's newer suites carry. */
export type Peer = 'oras' | 'cosign' | 'crane';

/** Fetches a peer's program from Debian forky once. @returns its path. @throws {Error} where it does not run here. */
export function fetchPeer(peer: Peer): string {
  const folder = join(CACHE, 'peers', peer);
  fetchDebianPackages('forky', [peer], folder);
  const program = join(folder, 'usr', 'bin', peer);
  const { status, stderr, error } = spawnSync(program, ['version'], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${peer} does not run here: ${error?.message ?? stderr}`);
  return program;
}

/** The registry server of distribution 3, built once by Go. @returns its path. @throws {Error} where it cannot be built. */
export function buildDistribution(): string {
  return buildGoProgram({
    folder: join(import.meta.dirname, 'distribution'),
    source: 'github.com/distribution/distribution/v3/cmd/registry',
    path: join(CACHE, 'peers', 'distribution-3.0.0', 'registry'),
    atLeast: 23,
  });
}
