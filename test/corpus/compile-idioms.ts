import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { CACHE, fetchDebianPackages } from '../../tools/machine/debian-archive.ts';

const FOLDER = join(import.meta.dirname, 'idioms');
/** maps.bpf.c has this many maps, each an object of its own: libbpf makes every map of an object. */
const MAPS = 32;

/** To these the instructions do not matter, or not much. */
const ONE_FLAVOUR: ReadonlySet<string> = new Set([
  'maps',
  'hooks',
  'fields',
  'forms',
  'functions',
  'licence',
  'returns',
  'arguments',
  'kernel-functions',
  'incompatible',
  'struct-known',
  'struct-member',
]);

/** How one source is compiled: the same guard becomes other instructions. */
export interface Flavour {
  /** Part of the object's file name. */
  name: string;
  flags: readonly string[];
  /** Default: the machine's clang. */
  compiler?: 'clang-19';
}

/** Optimisation and instruction set, from the oldest to the newest that clang 14 writes, and what only a newer one does. */
export const FLAVOURS: readonly Flavour[] = [
  { name: 'O2-v3', flags: ['-O2', '-mcpu=v3'] },
  { name: 'O2-v2', flags: ['-O2', '-mcpu=v2'] },
  { name: 'O2-v1', flags: ['-O2', '-mcpu=v1'] },
  { name: 'O1-v2', flags: ['-O1', '-mcpu=v2'] },
  { name: 'clang19-v3', flags: ['-O2', '-mcpu=v3'], compiler: 'clang-19' },
  { name: 'clang19-v4', flags: ['-O2', '-mcpu=v4'], compiler: 'clang-19' },
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
  const idioms = readdirSync(FOLDER)
    .filter((name) => name.endsWith('.bpf.c'))
    .map((name) => basename(name, '.bpf.c'))
    .filter((name) => options.idioms?.includes(name) ?? true);
  const flavours = FLAVOURS.filter(({ name }) => options.flavours?.includes(name) ?? true);
  return idioms.flatMap((idiom) => {
    const few = ONE_FLAVOUR.has(idiom)
      ? flavours.slice(0, 1)
      : // The newest stores numbers at once.
        idiom === 'context'
        ? flavours.filter((_, i) => i === 0 || i === flavours.length - 1)
        : flavours;
    if (idiom !== 'maps') return few.map((flavour) => compile({ idiom, flavour, folder }));
    const maps = Array.from({ length: MAPS }, (_, i) => i + 1);
    return few.flatMap((flavour) => maps.map((map) => compile({ idiom, flavour, folder, map })));
  });
}

interface OneObject {
  idiom: string;
  flavour: Flavour;
  folder: string;
  map?: number;
}

function compile({ idiom, flavour, folder, map }: OneObject): string {
  const output = join(folder, `${idiom}${map ?? ''}.${flavour.name}.bpf.o`);
  const include = `-I/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
  const target = ['-g', '-target', 'bpf', '-D__TARGET_ARCH_x86', include, '-Wno-everything'];
  const define = map === undefined ? [] : [`-DMAP=${map}`];
  const { program, env } = compilerOf(flavour);
  const source = join(FOLDER, `${idiom}.bpf.c`);
  execFileSync(program, [...target, ...define, ...flavour.flags, '-c', source, '-o', output], { env });
  return output;
}

/** The machine's clang, or Debian's newest beside it. */
function compilerOf({ compiler }: Flavour): { program: string; env: NodeJS.ProcessEnv } {
  if (compiler === undefined) return { program: 'clang', env: process.env };
  const root = join(CACHE, 'corpus', 'clang-19');
  const libraries = ['libclang-cpp19', 'libllvm19', 'libz3-4', 'libedit2'];
  fetchDebianPackages('bookworm', ['clang-19', 'libclang-common-19-dev', ...libraries], root);
  const path = [join(root, 'usr', 'lib', 'x86_64-linux-gnu'), join(root, 'usr', 'lib', 'llvm-19', 'lib')].join(':');
  return {
    program: join(root, 'usr', 'lib', 'llvm-19', 'bin', 'clang'),
    env: { ...process.env, LD_LIBRARY_PATH: path },
  };
}
