import { execFileSync } from 'node:child_process';
import { fetchPeer } from '../../tools/machine/peers.ts';

/** A peer's program with its version. */
export interface PeerProgram {
  program: string;
  version: string;
}

/** Debian's oras, fetched once. @throws {Error} where it cannot be had. */
export function findOras(): PeerProgram {
  const program = fetchPeer('oras');
  const [, version = 'unknown'] =
    /^Version:\s*(\S+)/m.exec(execFileSync(program, ['version'], { encoding: 'utf8' })) ?? [];
  return { program, version: `oras ${version} (Debian)` };
}

/** Version of Debian's docker-registry. */
export function dockerRegistryVersion(): string {
  const text = execFileSync('docker-registry', ['--version'], { encoding: 'utf8' });
  return `docker-registry ${text.trim().split(/\s+/).at(-1) ?? 'unknown'} (Debian)`;
}
