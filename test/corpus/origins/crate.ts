import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE } from '../../../tools/machine/debian-archive.ts';
import type { Collected, CrateOrigin } from '../origins.ts';
import { compileSources } from './compile-sources.ts';

/** Compiles programs of a Rust crate. */
export function collectCrate(origin: CrateOrigin, folder: string, prefix: string): Collected {
  const root = downloadCrate(origin.name, origin.version);
  const { headers } = origin;
  const from = headers && downloadCrate(headers.name, headers.version);
  return compileSources(origin, {
    root,
    folder,
    prefix,
    ...(from ? { headers: headers.include.map((path) => join(from, path)) } : {}),
  });
}

/** Through Rust's own client, which checks the crate against the index. @returns its folder. */
function downloadCrate(name: string, version: string): string {
  const home = join(CACHE, 'corpus', 'cargo');
  mkdirSync(home, { recursive: true });
  const env = { ...process.env, CARGO_HOME: home };
  // The one command of cargo that fetches a crate without all that it depends on.
  execFileSync('cargo', ['info', '--quiet', `${name}@${version}`], {
    cwd: home,
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const sources = join(home, 'registry', 'src');
  const index = readdirSync(sources).find((each) => readdirSync(join(sources, each)).includes(`${name}-${version}`));
  if (index === undefined) throw new Error(`cargo fetched no crate ${name} ${version}`);
  return join(sources, index, `${name}-${version}`);
}
