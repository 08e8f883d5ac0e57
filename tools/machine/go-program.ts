import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

const BUILD_MS = 10 * 60_000;

/** Path of the Go command; `undefined` where there is none. Its own installer puts it where PATH does not look. */
export function findGo(): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(':').filter(Boolean), '/usr/local/go/bin', '/usr/lib/go/bin'];
  return folders.map((folder) => join(folder, 'go')).find((path) => existsSync(path));
}

/** A program that Go builds from its module proxy, as the machine is configured for it. */
export interface GoProgram {
  /** Import path of the program. */
  source: string;
  /** Version of its module; absent where `folder` pins it. */
  version?: string;
  /** Folder with go.mod and go.sum, which pin its version and those of all that it needs. */
  folder?: string;
  /** Where it is built to. */
  path: string;
  /** Minor version of Go 1 that its go.mod asks for. */
  atLeast: number;
}

/**
 * Builds it once. Everything that Go downloads and compiles is removed afterwards; the program appears whole or not at all.
 *
 * @returns its path.
 * @throws {Error} where Go is missing or too old, or with what it says.
 */
export function buildGoProgram({ source, version, folder, path, atLeast }: GoProgram): string {
  if (existsSync(path)) return path;
  const go = findGo();
  if (go === undefined) throw new Error('Go is not installed (Debian and Ubuntu: package golang-go)');
  requireVersion(go, atLeast, source);
  mkdirSync(dirname(path), { recursive: true });
  const work = mkdtempSync(`${path}.part-`);
  try {
    const command = folder === undefined ? ['install', `${source}@${version ?? 'latest'}`] : ['install', source];
    const built = spawnSync(go, command, {
      cwd: folder ?? work,
      encoding: 'utf8',
      timeout: BUILD_MS,
      env: {
        ...process.env,
        GOBIN: work,
        GOMODCACHE: join(work, 'modules'),
        GOCACHE: join(work, 'build'),
        GOTOOLCHAIN: 'local',
        // Module caches are write-protected otherwise, and could not be removed.
        GOFLAGS: '-modcacherw -buildvcs=false -mod=readonly',
        CGO_ENABLED: '0',
      },
    });
    if (built.status !== 0) throw new Error(`go ${command.join(' ')}: ${built.error?.message ?? built.stderr.trim()}`);
    renameSync(join(work, basename(source)), path);
    return path;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function requireVersion(go: string, atLeast: number, source: string): void {
  const env = { ...process.env, GOTOOLCHAIN: 'local' };
  const { stdout, error } = spawnSync(go, ['env', 'GOVERSION'], { encoding: 'utf8', env });
  const minor = Number(/^go1\.(\d+)/.exec(stdout ?? '')?.[1] ?? 0);
  if (minor >= atLeast) return;
  const found = error?.message ?? (stdout ?? '').trim();
  throw new Error(`${basename(source)} needs Go 1.${atLeast} or newer; ${go} is ${found}`);
}
