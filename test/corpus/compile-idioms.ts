import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';

const FOLDER = join(import.meta.dirname, 'idioms');

/** How one source is compiled: the same guard becomes other instructions. */
export interface Flavour {
  /** Part of the object's file name. */
  name: string;
  flags: readonly string[];
}

/** Optimisation and instruction set, from the oldest to the newest that clang 14 writes. */
export const FLAVOURS: readonly Flavour[] = [
  { name: 'O2-v3', flags: ['-O2', '-mcpu=v3'] },
  { name: 'O2-v2', flags: ['-O2', '-mcpu=v2'] },
  { name: 'O2-v1', flags: ['-O2', '-mcpu=v1'] },
  { name: 'O1-v2', flags: ['-O1', '-mcpu=v2'] },
];

/** Which idioms to compile. */
export interface CompileIdiomsOptions {
  /** Names of sources without their ending. Default: all. */
  idioms?: readonly string[];
  /** Names of {@link FLAVOURS}. Default: all. */
  flavours?: readonly string[];
}

/** Compiles idioms. @returns paths of the objects, FOLDER/IDIOM.FLAVOUR.bpf.o. */
export function compileIdioms(folder: string, options: CompileIdiomsOptions = {}): string[] {
  mkdirSync(folder, { recursive: true });
  const sources = readdirSync(FOLDER).filter(
    (name) => name.endsWith('.bpf.c') && (options.idioms?.includes(basename(name, '.bpf.c')) ?? true),
  );
  const flavours = FLAVOURS.filter(({ name }) => options.flavours?.includes(name) ?? true);
  return sources.flatMap((source) => flavours.map((flavour) => compile(source, flavour, folder)));
}

function compile(source: string, { name, flags }: Flavour, folder: string): string {
  const output = join(folder, `${basename(source, '.bpf.c')}.${name}.bpf.o`);
  const include = `-I/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
  const target = ['-g', '-target', 'bpf', '-D__TARGET_ARCH_x86', include, '-Wall', '-Wno-unused', '-Wno-visibility'];
  const quiet = ['-Wno-tautological-pointer-compare', '-Wno-pointer-bool-conversion'];
  execFileSync('clang', [...target, ...quiet, ...flags, '-c', join(FOLDER, source), '-o', output]);
  return output;
}
