import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import type { Sources } from './pinned-sources.ts';

/** C sources of our own that are linked in, and the holder’s. */
export const OWN_SOURCES: string = join(import.meta.dirname, '..', '..', 'packages', 'runtime-shim', 'native');

/** No fortification: it binds to functions that only glibc has in the newest forms. No paths, times or identifiers in what comes out. */
const COMMON = [
  '-O2',
  '-g0',
  '-std=gnu11',
  '-fno-ident',
  '-U_FORTIFY_SOURCE',
  '-D_GNU_SOURCE',
  '-D_FILE_OFFSET_BITS=64',
];
const SHARED = ['-fPIC', '-fvisibility=hidden', '-ffunction-sections', '-fdata-sections', '-ftls-model=initial-exec'];
const ZLIB =
  'adler32 compress crc32 deflate infback inffast inflate inftrees trees uncompr zutil gzclose gzlib gzread gzwrite';
const OWN = ['events', 'event-source', 'floor', 'hold-call', 'log'];
const PARALLEL = Math.min(availableParallelism(), 4);

/** A C compiler with the target that it compiles for. */
export interface Compiler {
  program: string;
  /** Its arguments before all others. */
  args: readonly string[];
}

interface Unit {
  source: string;
  flags: readonly string[];
}

/**
 * Compiles and links the library: libbpf with libelf, zlib and our own part in one shared object, which needs the C library only and shows
 * libbpf’s functions and ours.
 *
 * @param work - an empty folder.
 */
export async function compileLibrary(
  compiler: Compiler,
  sources: Sources,
  work: string,
  output: string,
): Promise<void> {
  const include = writeHeaders(sources, work);
  const units = [
    ...libbpfUnits(sources, include),
    ...libelfUnits(sources, include),
    ...zlibUnits(sources),
    ...ownUnits(sources, include),
  ];
  const objects = units.map((_, index) => join(work, `${String(index).padStart(3, '0')}.o`));
  const queue = units.map((unit, index) => (): Promise<void> => {
    const paths = [sources.libbpf, sources.elfutils, sources.zlib, OWN_SOURCES, work];
    const prefixes = paths.map((path) => `-ffile-prefix-map=${path}=${basename(path)}`);
    return run(compiler, [
      ...COMMON,
      ...SHARED,
      ...prefixes,
      ...unit.flags,
      '-c',
      unit.source,
      '-o',
      objects[index] ?? '',
    ]);
  });
  const workers = Array.from({ length: PARALLEL }, async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await next();
  });
  await Promise.all(workers);
  const script = join(work, 'symbols.map');
  writeFileSync(
    script,
    `${readFileSync(join(sources.libbpf, 'src', 'libbpf.map'), 'utf8')}\nBPFSHIP_1 {\n  global:\n    bpfship_*;\n};\n`,
  );
  const linker = ['relro', 'now', 'defs', 'noexecstack'].flatMap((option) => ['-z', option]);
  const options = [
    '-soname',
    'libbpf.so.1',
    `--version-script=${script}`,
    '--gc-sections',
    '--build-id=sha1',
    '-O1',
    ...linker,
  ];
  await run(compiler, ['-shared', '-s', '-o', output, ...objects, ...options.map((option) => `-Wl,${option}`)]);
}

/** Compiles the holder: a static program without a C library. */
export function compileHolder(compiler: Compiler, output: string): Promise<void> {
  const alone = [
    '-ffreestanding',
    '-fno-builtin',
    '-fno-stack-protector',
    '-fno-asynchronous-unwind-tables',
    '-fno-pic',
  ];
  const link = [
    '-static',
    '-no-pie',
    '-nostdlib',
    '-s',
    '-Wl,--build-id=none',
    '-Wl,-z,noseparate-code',
    '-Wl,-z,noexecstack',
  ];
  const warnings = ['-Wall', '-Wextra', '-Werror', '-Wno-unused-command-line-argument'];
  return run(compiler, [...COMMON, ...warnings, ...alone, ...link, join(OWN_SOURCES, 'hold.c'), '-o', output]);
}

/** Public headers of libelf and zlib, and those of libbpf as they are installed, so that no header of the machine stands in for one. */
function writeHeaders({ libbpf, elfutils, zlib }: Sources, work: string): string {
  const include = join(work, 'include');
  mkdirSync(join(include, 'bpf'), { recursive: true });
  for (const name of ['libelf.h', 'gelf.h', 'elf.h', 'nlist.h'])
    cpSync(join(elfutils, 'libelf', name), join(include, name));
  for (const name of ['zlib.h', 'zconf.h']) cpSync(join(zlib, name), join(include, name));
  const source = join(libbpf, 'src');
  for (const name of readdirSync(source).filter((file) => file.endsWith('.h')))
    cpSync(join(source, name), join(include, 'bpf', name));
  cpSync(join(OWN_SOURCES, 'libelf-config.h'), join(include, 'config.h'));
  return include;
}

function libbpfUnits({ libbpf }: Sources, include: string): Unit[] {
  const folder = join(libbpf, 'src');
  const flags = [
    '-w',
    '-DSHARED',
    `-I${include}`,
    `-I${folder}`,
    `-I${join(libbpf, 'include')}`,
    `-I${join(libbpf, 'include', 'uapi')}`,
  ];
  return cFiles(folder).map((source) => ({ source, flags }));
}

/** The files that libelf’s own build takes. */
function libelfUnits({ elfutils }: Sources, include: string): Unit[] {
  const folder = join(elfutils, 'libelf');
  const makefile = readFileSync(join(folder, 'Makefile.am'), 'utf8');
  const list = /^libelf_a_SOURCES = ((?:.*\\\n)*.*)$/m.exec(makefile)?.[1] ?? '';
  const names = list.split(/[\s\\]+/).filter((name) => name.endsWith('.c'));
  const flags = ['-w', '-DHAVE_CONFIG_H', `-I${include}`, `-I${folder}`, `-I${join(elfutils, 'lib')}`];
  // Since elfutils 0.192, a part of its common library.
  const common = [join(elfutils, 'lib', 'eu-search.c')].filter((path) => existsSync(path));
  return [...names.map((name) => join(folder, name)), ...common].map((source) => ({ source, flags }));
}

function zlibUnits({ zlib }: Sources): Unit[] {
  const flags = ['-w', '-DHAVE_HIDDEN', '-DHAVE_UNISTD_H', '-DHAVE_STDARG_H', '-D_LARGEFILE64_SOURCE'];
  return ZLIB.split(' ').map((name) => ({ source: join(zlib, `${name}.c`), flags }));
}

function ownUnits({ libbpf }: Sources, include: string): Unit[] {
  const headers = [`-I${include}`, `-isystem${join(libbpf, 'include', 'uapi')}`];
  const flags = ['-Wall', '-Wextra', '-Werror', ...headers];
  return OWN.map((name) => ({ source: join(OWN_SOURCES, `${name}.c`), flags }));
}

function cFiles(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.c'))
    .sort()
    .map((name) => join(folder, name));
}

function run({ program, args }: Compiler, more: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...args, ...more], { stdio: ['ignore', 'ignore', 'pipe'] });
    let text = '';
    child.stderr.on('data', (piece: Buffer) => (text += piece.toString()));
    child.on('error', reject);
    child.on('close', (status) => {
      if (status === 0) resolve();
      else reject(new Error(`${program} … ${more.at(-1) ?? ''} failed:\n${text}`));
    });
  });
}
