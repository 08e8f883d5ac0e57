import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { arch } from 'node:os';
import { dirname, join } from 'node:path';
import { CACHE } from '../machine/debian-archive.ts';
import { ensureSystemPackages, hasCommand } from '../machine/system-packages.ts';
import { compileHolder, compileLibrary, type Compiler, OWN_SOURCES } from './compile.ts';
import { fetchSources, type Sources } from './pinned-sources.ts';
import { writeNotices } from './notices.ts';

// Builds libbpf with all that it needs as one shared object, and the holder, into packages/libbpf-linux-*/. Does nothing where they are there
// and what they are made of is as it was.
// Usage: node tools/native/build-libbpf.ts [--arch=x64|arm64] [--set=crate|debian] [--optional]

/** Node’s names of the architectures that are built for. */
export type NativeArchitecture = 'x64' | 'arm64';

const PACKAGES = join(import.meta.dirname, '..', '..', 'packages');
const TRIPLETS: Readonly<Record<NativeArchitecture, string>> = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' };
/** What is built into a package folder. */
const BUILT = ['lib', 'bin', 'licenses', 'SOURCES.json'];

/**
 * Builds for one architecture, or takes what the cache has.
 *
 * @param set - sources of this set only.
 * @returns the package’s folder.
 * @throws {Error} where there is no compiler, or no sources.
 */
export async function buildLibbpf(
  architecture: NativeArchitecture,
  { set, say = () => {} }: { set?: string; say?: (line: string) => void } = {},
): Promise<string> {
  const folder = join(PACKAGES, `libbpf-linux-${architecture}`);
  const inputs = digestOfInputs(set);
  const stamp = join(folder, 'lib', 'BUILT');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === inputs) return folder;
  const compiler = findCompiler(architecture, say);
  const key = createHash('sha256').update(inputs).update(describe(compiler)).digest('hex').slice(0, 16);
  const cached = join(CACHE, 'native', `${architecture}-${key}`);
  if (!existsSync(cached)) await buildInto(cached, { architecture, compiler, sources: fetchSources(set), say });
  for (const part of BUILT) {
    rmSync(join(folder, part), { recursive: true, force: true });
    cpSync(join(cached, part), join(folder, part), { recursive: true });
  }
  writeFileSync(stamp, inputs);
  return folder;
}

/** What is built, and with what. */
export interface Build {
  architecture: NativeArchitecture;
  compiler: Compiler;
  sources: Sources;
  say: (line: string) => void;
}

/** Builds into a folder, which appears whole or not at all. */
export async function buildInto(folder: string, { architecture, compiler, sources, say }: Build): Promise<void> {
  const begin = performance.now();
  mkdirSync(dirname(folder), { recursive: true });
  const work = mkdtempSync(`${folder}.part-`);
  try {
    const result = join(work, 'result');
    for (const part of ['result/lib', 'result/bin', 'objects']) mkdirSync(join(work, part), { recursive: true });
    await compileLibrary(compiler, sources, join(work, 'objects'), join(result, 'lib', 'libbpf.so'));
    await compileHolder(compiler, join(result, 'bin', 'bpfship-hold'));
    writeNotices(sources, describe(compiler), result);
    renameSync(result, folder);
    const seconds = ((performance.now() - begin) / 1000).toFixed(0);
    say(`Built libbpf for ${architecture} from the set “${sources.set}” in ${seconds} s`);
  } catch (error) {
    if (!existsSync(folder)) throw error;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Of all that decides what is built, the compiler and the machine’s C library apart. */
function digestOfInputs(set: string | undefined): string {
  const hash = createHash('sha256').update(set ?? '');
  const files = [OWN_SOURCES, import.meta.dirname].flatMap((folder) =>
    readdirSync(folder)
      .sort()
      .map((name) => join(folder, name)),
  );
  for (const file of files) hash.update(file.slice(PACKAGES.length)).update(readFileSync(file));
  return hash.digest('hex');
}

export function findCompiler(architecture: NativeArchitecture, say: (line: string) => void): Compiler {
  if (architecture !== arch()) {
    if (architecture === 'arm64') ensureSystemPackages(['gccArm64'], say);
    return { program: `${TRIPLETS[architecture]}-gcc`, args: [] };
  }
  if (!hasCommand('gcc') && hasCommand('clang') && existsSync('/usr/include/stdio.h'))
    return { program: 'clang', args: [] };
  ensureSystemPackages(['gcc'], say);
  return { program: 'gcc', args: [] };
}

/** The compiler’s first line about itself. */
function describe({ program }: Compiler): string {
  const { stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  return (stdout ?? '').split('\n')[0] ?? '';
}

function option(name: string): string | undefined {
  return process.argv.find((each) => each.startsWith(`--${name}=`))?.slice(name.length + 3);
}

if (process.argv[1] === import.meta.filename) {
  const architecture = option('arch') ?? arch();
  const set = option('set');
  try {
    if (process.platform !== 'linux' || (architecture !== 'x64' && architecture !== 'arm64'))
      throw new Error(`libbpf is built for Linux on x64 and arm64, not for ${process.platform} on ${architecture}`);
    await buildLibbpf(architecture, { ...(set === undefined ? {} : { set }), say: (line) => console.error(line) });
  } catch (error) {
    console.error(`libbpf of our own is not built: ${(error as Error).message}`);
    if (process.argv.includes('--optional')) console.error('The system’s libbpf is used where it is new enough.');
    else process.exitCode = 1;
  }
}
