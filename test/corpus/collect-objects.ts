import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { CACHE, fetchDebianPackages, fetchDebianSource } from '../../tools/machine/debian-archive.ts';
import { compileEnvironment } from './compile-environment.ts';
import { type GoOrigin, type Origin, ORIGINS, type PackageOrigin, type SourceOrigin } from './origins.ts';

/** Objects of one origin. */
export interface CollectedOrigin {
  /** e.g. `forky-bpfcc`. */
  name: string;
  /** Paths; file names are unique over all origins. */
  objects: string[];
  /** What could not be compiled, with the compiler's first error. */
  failures: { source: string; error: string }[];
  digest: string;
  /** Whether the archive carries something else than was measured last. */
  drifted: boolean;
  /** Why there are no objects: the archive has dropped the origin, or cannot be reached. */
  unavailable?: string;
}

/** Fetches and compiles every origin once; later calls find the objects in the cache. */
export function collectObjects(origins: readonly Origin[] = ORIGINS): CollectedOrigin[] {
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

type Collected = Pick<CollectedOrigin, 'digest' | 'failures'>;

/** What is kept beside the objects: made in another way, they are made again. */
interface Kept extends Collected {
  recipe: string;
}

function originName(origin: Origin): string {
  return origin.kind === 'go-module' ? basename(dirname(origin.name)) : `${origin.suite}-${origin.name}`;
}

function collect(origin: Origin, folder: string): Collected {
  if (origin.kind === 'debian-source') return compileSources(origin, folder);
  return origin.kind === 'debian-package' ? copyFromPackage(origin, folder) : copyFromGoModule(origin, folder);
}

function copyFromPackage({ suite, name }: PackageOrigin, folder: string): Collected {
  const root = join(CACHE, 'corpus', 'packages', suite, name);
  fetchDebianPackages(suite, [name], root);
  return copyObjects(root, /\.o$/, folder, `${suite}-${name}`);
}

/** Through Go's own client, which checks the module against the checksum database. */
function copyFromGoModule(origin: GoOrigin, folder: string): Collected {
  const cache = join(CACHE, 'corpus', 'go');
  mkdirSync(cache, { recursive: true });
  const env = { ...process.env, GOMODCACHE: cache, GOFLAGS: '-mod=mod -modcacherw' };
  const command = ['mod', 'download', '-json', `${origin.name}@${origin.version}`];
  const answer = JSON.parse(execFileSync('go', command, { cwd: cache, env, encoding: 'utf8' })) as { Dir: string };
  return copyObjects(answer.Dir, origin.objects, folder, originName(origin));
}

function copyObjects(root: string, wanted: RegExp, folder: string, prefix: string): Collected {
  const files = listFiles(root).filter((file) => wanted.test(file));
  for (const file of files) {
    // The whole path: a module has many objects of one file name.
    const short = prefix.startsWith('cilium') ? file.replaceAll('/', '-') : basename(file);
    copyFileSync(
      join(root, file),
      join(folder, `${prefix}-${short.replace(/(?:-el\.elf|_bpfel\.o|\.bpf\.o|\.o)$/, '')}.bpf.o`),
    );
  }
  return { digest: digestFiles(root, files), failures: [] };
}

function compileSources(origin: SourceOrigin, folder: string): Collected {
  const root = join(CACHE, 'sources', origin.suite, origin.name);
  fetchDebianSource(origin.suite, origin.name, root);
  const files = listFiles(root).filter((file) => origin.sources.test(file));
  const failures = files.flatMap((file) => {
    const output = join(folder, `${originName(origin)}-${basename(file).replace(/(?:\.bpf)?\.c$/, '')}.bpf.o`);
    const error = compile(origin, root, file, output);
    return error === undefined ? [] : [{ source: file, error }];
  });
  return { digest: digestFiles(root, files), failures };
}

/** @returns the compiler's first error, if it had one. */
function compile(
  { include = [], flags = [], fileFlags = {} }: SourceOrigin,
  root: string,
  file: string,
  output: string,
): string | undefined {
  const common = compileEnvironment();
  const system = '/usr/include/x86_64-linux-gnu';
  const folders = [...include.map((path) => join(root, path)), join(root, dirname(file)), common, system];
  const target = ['-g', '-O2', '-target', 'bpf', '-D__TARGET_ARCH_x86', '-D__x86_64__', '-Wno-everything'];
  const own = fileFlags[basename(file).replace(/(?:\.bpf)?\.c$/, '')] ?? [];
  const args = [
    ...target,
    ...flags,
    ...own,
    ...folders.map((path) => `-I${path}`),
    '-c',
    join(root, file),
    '-o',
    output,
  ];
  const { status, stderr } = spawnSync('clang', args, { encoding: 'utf8' });
  if (status === 0) return undefined;
  return stderr.split('\n').find((line) => line.includes('error:')) ?? stderr.slice(0, 200);
}

function listFiles(root: string): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort();
}

function digestFiles(root: string, files: readonly string[]): string {
  const hash = createHash('sha256');
  for (const file of files) hash.update(`${file}\0`).update(readFileSync(join(root, file)));
  return hash.digest('hex');
}
