import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { licencesOf } from '../bundle-licences.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const SHIM = join(ROOT, 'packages', 'runtime-shim');
const DIST = join(SHIM, 'dist');
/** Platforms that have a libbpf of ours. */
const PLATFORMS = ['linux-x64', 'linux-arm64'];

interface Manifest {
  version: string;
  description: string;
  license: string;
  dependencies: Record<string, string>;
  engines: Record<string, string>;
}

/**
 * Writes the package `bpfship-shim` into a folder: the daemon, and the same library (`@bpfship/runtime-shim`) for programs, with all that they
 * need in one bundle. Nodes install it instead of the packages that it is made of, which are four times as large.
 */
export async function writeShimPackage(folder: string): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const { version, description, license, dependencies, engines } = readManifest(SHIM);
  const { version: koffi } = readManifest(join(ROOT, 'node_modules', 'koffi'));
  if (dependencies['koffi'] !== koffi)
    throw new Error(`koffi ${koffi} is installed instead of ${dependencies['koffi']}`);
  const optionalDependencies = Object.fromEntries([
    ...PLATFORMS.map((platform) => [`@bpfship/libbpf-${platform}`, version]),
    ...PLATFORMS.map((platform) => [`@koromix/koffi-${platform}`, koffi]),
  ]) as Record<string, string>;
  const manifest = {
    name: 'bpfship-shim',
    version,
    description,
    license,
    bin: { 'bpfship-shim': 'bin/bpfship-shim.js' },
    files: ['bin', 'bundle'],
    type: 'module',
    exports: { '.': './bundle/index.js' },
    publishConfig: { access: 'public', provenance: true },
    optionalDependencies,
    engines,
  };
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  cpSync(join(SHIM, 'bin'), join(folder, 'bin'), { recursive: true });
  cpSync(join(SHIM, 'README.md'), join(folder, 'README.md'));
  if (existsSync(join(ROOT, 'LICENSE'))) cpSync(join(ROOT, 'LICENSE'), join(folder, 'LICENSE'));
  await writeBundle(join(folder, 'bundle'));
}

async function writeBundle(dir: string): Promise<void> {
  const build = await rolldown({
    input: {
      index: join(DIST, 'index.js'),
      main: join(DIST, 'daemon', 'main.js'),
      worker: join(DIST, 'kernel', 'worker.js'),
      'event-worker': join(DIST, 'observe', 'reader', 'event-worker.js'),
    },
    platform: 'node',
    resolve: { alias: { koffi: join(DIST, 'executable', 'platform-koffi.js') } },
  });
  try {
    const minify = { compress: true, mangle: { toplevel: true, keepNames: true }, codegen: true };
    const { output } = await build.write({ dir, format: 'esm', minify });
    const chunks = output.filter((part) => part.type === 'chunk');
    writeFileSync(join(dir, 'LICENSES.txt'), await licencesOf(chunks));
  } finally {
    await build.close();
  }
}

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
}
