import { join } from 'node:path';
import { CACHE } from './debian-archive.ts';
import { buildGoProgram } from './go-program.ts';

/** The suite of the Open Container Initiative, from its repository’s main branch of 2026-08-31; Go’s checksum database vouches for it. */
const VERSION = 'v0.0.0-20260831232431-97274622c111';

/** Builds the OCI distribution conformance suite once. @returns its path. @throws {Error} where it cannot be built. */
export function fetchConformanceSuite(): string {
  return buildGoProgram({
    source: 'github.com/opencontainers/distribution-spec/conformance',
    version: VERSION,
    path: join(CACHE, 'peers', `oci-conformance-${VERSION}`),
    atLeast: 24,
  });
}
