import { join } from 'node:path';
import { CACHE, fetchDebianSource } from '../../../tools/machine/debian-archive.ts';
import type { Collected, SourceOrigin } from '../origins.ts';
import { compileSources } from './compile-sources.ts';

/** Compiles programs of a Debian source package. */
export function collectDebianSource(origin: SourceOrigin, folder: string, prefix: string): Collected {
  const root = join(CACHE, 'sources', origin.suite, origin.name);
  fetchDebianSource(origin.suite, origin.name, root);
  return compileSources(origin, { root, folder, prefix });
}
