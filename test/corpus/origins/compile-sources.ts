import { spawnSync } from 'node:child_process';
import { basename, dirname, join } from 'node:path';
import { compileEnvironment } from '../compile-environment.ts';
import type { Collected, SourceFiles } from '../origins.ts';
import { digestFiles, listFiles, stem } from './files.ts';

/** Where sources lie, and where their objects go. */
export interface CompilePlace {
  root: string;
  /** Folders with headers outside of the root, first asked. */
  headers?: readonly string[];
  folder: string;
  prefix: string;
}

/** Compiles the C files of an origin; what does not compile is noted. */
export function compileSources(origin: SourceFiles, { root, headers = [], folder, prefix }: CompilePlace): Collected {
  const files = listFiles(root).filter((file) => origin.sources.test(file));
  const failures = files.flatMap((file) => {
    const name = origin.wholePaths ? file.replaceAll('/', '-') : basename(file);
    const error = compile(origin, root, headers, file, join(folder, `${prefix}-${stem(name)}.bpf.o`));
    return error === undefined ? [] : [{ source: file, error }];
  });
  return { digest: digestFiles(root, files), failures };
}

/** @returns the compiler's first error, if it had one. */
function compile(
  { include = [], flags = [], fileFlags = {}, compiler = 'clang' }: SourceFiles,
  root: string,
  headers: readonly string[],
  file: string,
  output: string,
): string | undefined {
  const common = compileEnvironment();
  const system = '/usr/include/x86_64-linux-gnu';
  const own = include.map((path) => join(root, path));
  const folders = [...headers, ...own, join(root, dirname(file)), common, system];
  const target = ['-g', '-O2', '-target', 'bpf', '-D__TARGET_ARCH_x86', '-D__x86_64__', '-Wno-everything'];
  const args = [
    ...target,
    ...flags,
    ...(fileFlags[stem(basename(file))] ?? []),
    ...folders.map((path) => `-I${path}`),
    '-c',
    join(root, file),
    '-o',
    output,
  ];
  const { status, stderr, error } = spawnSync(compiler, args, { encoding: 'utf8' });
  if (status === 0) return undefined;
  if (error) return error.message;
  return stderr.split('\n').find((line) => line.includes('error:')) ?? stderr.slice(0, 200);
}
