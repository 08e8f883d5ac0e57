import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { delimiter, dirname } from 'node:path';

/** Where Go's own archive is unpacked to (go.dev/doc/install), beside PATH. */
const GO_FOLDER = '/usr/local/go/bin';

/** Where `go` can be found. */
function goEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env['PATH'] ?? ''}${delimiter}${GO_FOLDER}`, GOTOOLCHAIN: 'local' };
}

/** Why no Go program can be built here; `undefined` where one can. @param atLeast - minor version of Go 1. */
export function goProblem(atLeast = 23): string | undefined {
  const { status, stdout } = spawnSync('go', ['env', 'GOVERSION'], { env: goEnvironment(), encoding: 'utf8' });
  if (status !== 0) return 'go is not installed';
  const minor = Number(/^go1\.(\d+)/.exec(stdout)?.[1] ?? 0);
  return minor >= atLeast ? undefined : `go is ${stdout.trim()}, and 1.${atLeast} is needed`;
}

/** A program of a Go module whose versions a folder with go.mod and go.sum pins. */
export interface GoProgram {
  /** Folder of go.mod. */
  folder: string;
  /** Import path of the program. */
  source: string;
  /** Where it is built to. */
  path: string;
  /** Builds the package's test as a program, as `go test -c` does. */
  isTest?: boolean;
}

/** Builds it once; its modules come by the machine's own Go proxy. @returns its path. @throws {Error} with what go says. */
export function buildGoProgram({ folder, source, path, isTest = false }: GoProgram): string {
  if (existsSync(path)) return path;
  mkdirSync(dirname(path), { recursive: true });
  const work = `${path}.${process.pid}`;
  const command = isTest ? ['test', '-c'] : ['build'];
  const { status, stderr, error } = spawnSync('go', [...command, '-mod=readonly', '-trimpath', '-o', work, source], {
    cwd: folder,
    env: { ...goEnvironment(), CGO_ENABLED: '0' },
    encoding: 'utf8',
  });
  if (status !== 0) {
    rmSync(work, { force: true });
    throw new Error(`go ${command.join(' ')} ${source} failed: ${error?.message ?? stderr.slice(-2000)}`);
  }
  renameSync(work, path);
  return path;
}
