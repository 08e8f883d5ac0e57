import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CACHE } from './debian-archive.ts';

/** The suite of the Open Container Initiative, from its repository’s main branch of 2026-08-31; Go’s checksum database vouches for it. */
const MODULE = 'github.com/opencontainers/distribution-spec/conformance';
const VERSION = 'v0.0.0-20260831232431-97274622c111';
/** What its go.mod asks for. */
const OLDEST_GO = [1, 24] as const;
const BUILD_MS = 10 * 60_000;

/** Path of the Go command; `undefined` where there is none. Its own installer puts it where PATH does not look. */
export function findGo(): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(':').filter(Boolean), '/usr/local/go/bin', '/usr/lib/go/bin'];
  return folders.map((folder) => join(folder, 'go')).find((path) => existsSync(path));
}

/**
 * Builds the OCI distribution conformance suite once, from the Go module proxy that the machine is configured for. Everything that Go
 * downloads and compiles stays in the repository’s cache. The program appears whole or not at all.
 *
 * @returns its path.
 * @throws {Error} where Go is missing or too old, or the module cannot be had.
 */
export function fetchConformanceSuite(): string {
  const program = join(CACHE, 'peers', `oci-conformance-${VERSION}`);
  if (existsSync(program)) return program;
  const go = findGo();
  if (go === undefined) throw new Error('Go is not installed (Debian and Ubuntu: package golang-go)');
  requireVersion(go);
  mkdirSync(dirname(program), { recursive: true });
  const work = mkdtempSync(`${program}.part-`);
  try {
    const built = spawnSync(go, ['install', `${MODULE}@${VERSION}`], {
      cwd: work,
      encoding: 'utf8',
      timeout: BUILD_MS,
      env: {
        ...process.env,
        GOBIN: work,
        GOMODCACHE: join(work, 'modules'),
        GOCACHE: join(work, 'build'),
        // Module caches are write-protected otherwise, and could not be removed.
        GOFLAGS: '-modcacherw -buildvcs=false',
        CGO_ENABLED: '0',
      },
    });
    if (built.status !== 0) throw new Error(`go install ${MODULE}: ${built.error?.message ?? built.stderr.trim()}`);
    renameSync(join(work, 'conformance'), program);
    return program;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Why the suite cannot be run here; `undefined` where it can. */
export function conformanceSuiteProblem(): string | undefined {
  try {
    fetchConformanceSuite();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function requireVersion(go: string): void {
  const { stdout, error } = spawnSync(go, ['env', 'GOVERSION'], { encoding: 'utf8' });
  const [, major, minor] = /^go(\d+)\.(\d+)/.exec(stdout ?? '') ?? [];
  const found = [Number(major), Number(minor)] as const;
  if (found[0] > OLDEST_GO[0] || (found[0] === OLDEST_GO[0] && found[1] >= OLDEST_GO[1])) return;
  throw new Error(
    `the suite needs Go ${OLDEST_GO.join('.')} or newer; ${go} is ${error?.message ?? (stdout ?? '').trim()}`,
  );
}
