import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { CACHE } from '../../tools/machine/debian-archive.ts';
import type { Collected, Origin } from './origins.ts';
import { collectCrate } from './origins/crate.ts';
import { collectDebianPackage } from './origins/debian-package.ts';
import { collectDebianSource } from './origins/debian-source.ts';
import { collectGoModule } from './origins/go-module.ts';

/** Objects of one origin. */
export interface CollectedOrigin extends Collected {
  /** e.g. `forky-bpfcc`. */
  name: string;
  /** Paths; file names are unique over all origins. */
  objects: string[];
  /** Whether the archive carries something else than was measured last. */
  drifted: boolean;
  /** Why there are no objects: the archive has dropped the origin, or cannot be reached. */
  unavailable?: string;
}

/** Fetches and compiles every origin once; later calls find the objects in the cache. */
export function collectObjects(origins: readonly Origin[]): CollectedOrigin[] {
  return origins.map((origin) => {
    try {
      return collectOrigin(origin);
    } catch (error) {
      const unavailable = (error as Error).message.slice(0, 300);
      return { name: originName(origin), objects: [], failures: [], digest: '', drifted: true, unavailable };
    }
  });
}

function collectOrigin(origin: Origin): CollectedOrigin {
  const name = originName(origin);
  const folder = join(CACHE, 'corpus', 'objects', name);
  const record = join(folder, 'collected.json');
  const recipe = JSON.stringify(origin, (_, value: unknown) => (value instanceof RegExp ? value.source : value));
  const kept = existsSync(record) ? (JSON.parse(readFileSync(record, 'utf8')) as Kept) : undefined;
  if (kept?.recipe !== recipe) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    writeFileSync(record, JSON.stringify({ ...collect(origin, folder), recipe } satisfies Kept));
  }
  const { digest, failures } = JSON.parse(readFileSync(record, 'utf8')) as Kept;
  const objects = readdirSync(folder).filter((file) => file.endsWith('.bpf.o'));
  return {
    name,
    objects: objects.sort().map((file) => join(folder, file)),
    failures,
    digest,
    drifted: origin.digest !== digest,
  };
}

/** What is kept beside the objects: made in another way, they are made again. */
interface Kept extends Collected {
  recipe: string;
}

function originName(origin: Origin): string {
  if (origin.prefix !== undefined) return origin.prefix;
  if (origin.kind === 'go-module' || origin.kind === 'go-source') return basename(dirname(origin.name));
  return `${origin.kind === 'crate' ? 'crate' : origin.suite}-${origin.name}`;
}

function collect(origin: Origin, folder: string): Collected {
  const prefix = originName(origin);
  switch (origin.kind) {
    case 'debian-package':
      return collectDebianPackage(origin, folder, prefix);
    case 'debian-source':
      return collectDebianSource(origin, folder, prefix);
    case 'go-module':
    case 'go-source':
      return collectGoModule(origin, folder, prefix);
    default:
      return collectCrate(origin, folder, prefix);
  }
}
