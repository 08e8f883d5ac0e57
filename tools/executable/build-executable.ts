import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { arch } from 'node:os';
import { dirname, join } from 'node:path';
import { rolldown } from 'rolldown';
import { BUNDLE_ALIASES } from '../bundle-aliases.ts';
import { CACHE } from '../machine/debian-archive.ts';
import { ensureSystemPackages, hasCommand } from '../machine/system-packages.ts';
import { buildLibbpf } from '../native/build-libbpf.ts';

// `npm run build:executable`: bpfship as one file that needs no Node, into build/executable/.
const ROOT = join(import.meta.dirname, '..', '..');
const PACKAGES = join(ROOT, 'packages');
const SHIM = join(PACKAGES, 'runtime-shim', 'dist');

/** What it is called: it is the program by whose name it is started. */
const NAMES = ['bpfship', 'bpfship-shim'];

/** What the file holds: the programs in one text, since they share most of it, and the workers. */
const SCRIPTS: Readonly<Record<string, string>> = {
  programs: join(import.meta.dirname, 'programs.js'),
  worker: join(SHIM, 'kernel', 'worker.js'),
  'event-worker': join(SHIM, 'observe', 'reader', 'event-worker.js'),
};

/** Without small generations at the start, which would be collected several times while the program only begins. */
const NODE_FLAGS = ['--min-semi-space-size=16'];

/**
 * Builds the executable for this machine’s architecture.
 *
 * @returns its path.
 * @throws {Error} where a tool is missing, or Node refuses.
 */
export async function buildExecutable(
  folder: string,
  { say = () => {} }: { say?: (line: string) => void } = {},
): Promise<string> {
  const architecture = arch();
  if (process.platform !== 'linux' || (architecture !== 'x64' && architecture !== 'arm64'))
    throw new Error(`the executable is built on Linux, on x64 or arm64, not on ${process.platform} on ${architecture}`);
  const native = await buildLibbpf(architecture, { say });
  const node = strippedNode(say);
  mkdirSync(folder, { recursive: true });
  const work = mkdtempSync(join(folder, 'part-'));
  try {
    const scripts = await compileScripts(node, work);
    const main = join(work, 'main.js');
    writeFileSync(main, `${readFileSync(LOADER, 'utf8')}\nrunEmbedded('programs');\n`);
    const output = join(work, 'output');
    const koffi = `@koromix/koffi-linux-${architecture}/linux_${architecture}/koffi.node`;
    const assets = {
      ...scripts,
      'loader.js': LOADER,
      'package.json': join(PACKAGES, 'cli', 'package.json'),
      'koffi.node': join(ROOT, 'node_modules', koffi),
      'libbpf.so': join(native, 'lib', 'libbpf.so'),
      'bpfship-hold': join(native, 'bin', 'bpfship-hold'),
    };
    const options = { disableExperimentalSEAWarning: true, execArgv: NODE_FLAGS, execArgvExtension: 'none' };
    writeFileSync(join(work, 'sea.json'), JSON.stringify({ main, executable: node, output, ...options, assets }));
    run(process.execPath, ['--build-sea', join(work, 'sea.json')], work);
    const path = join(folder, 'bpfship');
    rmSync(path, { force: true });
    // Copied: as Node writes it, in one piece, the kernel keeps it in large pieces, and maps more of it than is needed.
    cpSync(output, path);
    for (const name of NAMES.slice(1)) {
      rmSync(join(folder, name), { force: true });
      symlinkSync('bpfship', join(folder, name));
    }
    cpSync(join(native, 'licenses'), join(folder, 'licenses'), { recursive: true });
    cpSync(join(PACKAGES, 'cli', 'bundle', 'LICENSES.txt'), join(folder, 'licenses', 'npm-packages.txt'));
    cpSync(join(dirname(dirname(realpathSync(process.execPath))), 'LICENSE'), join(folder, 'licenses', 'node.txt'));
    say(`${path}: ${(statSync(path).size / 1e6).toFixed(1)} MB`);
    return path;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

const LOADER = join(import.meta.dirname, 'loader.cjs');

/** Bundles and compiles each script. @returns the files, by their names inside of the executable. */
async function compileScripts(node: string, work: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const [name, input] of Object.entries(SCRIPTS)) {
    const [source, cache] = [join(work, `${name}.js`), join(work, `${name}.cache`)];
    writeFileSync(source, asFunction(await bundle(input)));
    run(node, [...NODE_FLAGS, join(import.meta.dirname, 'compile-cache.cjs'), source, cache], work);
    files[`${name}.js`] = source;
    files[`${name}.cache`] = cache;
  }
  return files;
}

/** One text with all that it imports: inside of the executable there is nothing else to import. */
async function bundle(input: string): Promise<string> {
  const alias = { ...BUNDLE_ALIASES, koffi: join(SHIM, 'executable', 'embedded-koffi.js') };
  const build = await rolldown({ input, platform: 'node', resolve: { alias } });
  try {
    const minify = { compress: true, mangle: true, codegen: true };
    const { output } = await build.generate({ format: 'cjs', codeSplitting: false, minify });
    return output[0].code;
  } finally {
    await build.close();
  }
}

/** As the loader calls it, in ASCII: as UTF-16, which other text is kept in, it would take twice the memory. */
function asFunction(code: string): string {
  const ascii = code.replaceAll(/[^\0-\x7F]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
  return `(function (require, __filename) {${ascii}\n})`;
}

/** This Node without its symbols, a fifth of it. Before the program is put in: afterwards, stripping would break it. */
function strippedNode(say: (line: string) => void): string {
  const path = join(CACHE, 'node', `node-${process.version}-${arch()}-stripped`);
  if (existsSync(path)) return path;
  mkdirSync(join(CACHE, 'node'), { recursive: true });
  const work = `${path}.${process.pid}`;
  try {
    cpSync(process.execPath, work, { dereference: true });
    if (!hasCommand('strip')) ensureSystemPackages(['gcc'], say);
    run('strip', [work], ROOT);
    renameSync(work, path);
  } finally {
    rmSync(work, { force: true });
  }
  return path;
}

function run(program: string, args: string[], cwd: string): void {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, encoding: 'utf8' });
  if (status !== 0)
    throw new Error(`${program} ${args.join(' ')} failed: ${error?.message ?? `${stderr}${stdout}`.slice(-2000)}`);
}

if (process.argv[1] === import.meta.filename)
  await buildExecutable(join(ROOT, 'build', 'executable'), { say: (line) => console.error(line) });
