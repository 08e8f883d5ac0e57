import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildLibbpf } from '../native/build-libbpf.ts';
import { writeShimPackage } from './shim-package.ts';

// `npm run pack`: what is published, as tarballs in build/packages/.
const ROOT = join(import.meta.dirname, '..', '..');
const PACKAGES = join(ROOT, 'packages');

/** Packs a folder as `npm publish` would. @returns the tarball’s path. */
export function packFolder(folder: string, destination: string): string {
  mkdirSync(destination, { recursive: true });
  const args = ['pack', '--ignore-scripts', '--loglevel=error', '--json', '--pack-destination', destination, folder];
  const output = execFileSync('npm', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  const packed = JSON.parse(output) as { filename: string }[] | Record<string, { filename: string }>;
  const [first] = Object.values(packed);
  if (first === undefined) throw new Error(`npm packed nothing of ${folder}`);
  return join(destination, first.filename);
}

/**
 * Packs the package of one platform. In the repository it has no `os` and `cpu`, without which npm would refuse to install the workspace on
 * every other platform.
 */
export function packPlatform(name: string, destination: string): string {
  const work = mkdtempSync(join(tmpdir(), 'bpfship-pack-'));
  try {
    const folder = join(work, name);
    cpSync(join(PACKAGES, name), folder, { recursive: true });
    const path = join(folder, 'package.json');
    const manifest = JSON.parse(readFileSync(path, 'utf8')) as { publishConfig: { os: string[]; cpu: string[] } };
    const { os, cpu, ...publishConfig } = manifest.publishConfig;
    writeFileSync(path, `${JSON.stringify({ ...manifest, os, cpu, publishConfig }, null, 2)}\n`);
    return packFolder(folder, destination);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Packs `bpfship-shim`. */
export async function packShim(destination: string): Promise<string> {
  const work = mkdtempSync(join(tmpdir(), 'bpfship-pack-'));
  try {
    await writeShimPackage(join(work, 'bpfship-shim'));
    return packFolder(join(work, 'bpfship-shim'), destination);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

if (process.argv[1] === import.meta.filename) {
  const destination = join(ROOT, 'build', 'packages');
  rmSync(destination, { recursive: true, force: true });
  for (const architecture of ['x64', 'arm64'] as const) await buildLibbpf(architecture);
  for (const name of readdirSync(PACKAGES)) {
    if (name.startsWith('libbpf-')) packPlatform(name, destination);
    else packFolder(join(PACKAGES, name), destination);
  }
  await packShim(destination);
  for (const name of readdirSync(destination))
    console.log(`${(statSync(join(destination, name)).size / 1e6).toFixed(2)} MB  ${name}`);
}
