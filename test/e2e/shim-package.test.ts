import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { arch, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildLibbpf } from '../../tools/native/build-libbpf.ts';
import { packFolder, packPlatform, packShim } from '../../tools/release/pack.ts';

/** Bytes that the shim with all that it depends on may have, without Node and libbpf. */
const MAX_SIZE = 6_000_000;
const MODULES = join(import.meta.dirname, '..', '..', 'node_modules');
const ARCHITECTURE = arch() === 'arm64' ? 'arm64' : 'x64';

let folder: string;

function tarball(path: string): string {
  return `file:tarballs/${basename(path)}`;
}

/** Installs what is published into an empty folder, from tarballs alone. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bpfship-installed-'));
  const tarballs = join(folder, 'tarballs');
  mkdirSync(tarballs);
  await buildLibbpf(ARCHITECTURE);
  const shim = await packShim(tarballs);
  const libbpf = packPlatform(`libbpf-linux-${ARCHITECTURE}`, tarballs);
  const koffi = packFolder(join(MODULES, '@koromix', `koffi-linux-${ARCHITECTURE}`), tarballs);
  const dependencies = {
    'bpfship-shim': tarball(shim),
    [`@bpfship/libbpf-linux-${ARCHITECTURE}`]: tarball(libbpf),
    [`@koromix/koffi-linux-${ARCHITECTURE}`]: tarball(koffi),
  };
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module', dependencies }));
  execFileSync('npm', ['install', '--offline', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: folder });
}, 600_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Sum of the files’ sizes. */
function sizeOf(path: string): number {
  const stat = lstatSync(path);
  if (!stat.isDirectory()) return stat.size;
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0);
}

function node(...args: string[]): string {
  return execFileSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
}

describe('the installed shim', () => {
  it('is small', () => {
    const modules = join(folder, 'node_modules');
    const libbpf = sizeOf(join(modules, '@bpfship', `libbpf-linux-${ARCHITECTURE}`));
    expect(libbpf).toBeGreaterThan(0);
    expect(sizeOf(modules) - libbpf).toBeLessThan(MAX_SIZE);
  });

  it('brings the daemon', () => {
    expect(node('node_modules/bpfship-shim/bin/bpfship-shim.js', '--version')).toMatch(/^bpfship-shim \d+\.\d+\.\d+/);
  });

  it('brings the library for programs, which uses the libbpf that comes with it', () => {
    const script = `
      import { openKernel } from 'bpfship-shim';
      await using kernel = openKernel();
      console.log(JSON.stringify(await kernel.library()));`;
    writeFileSync(join(folder, 'script.js'), script);
    expect(JSON.parse(node('script.js'))).toMatchObject({
      origin: 'own',
      path: join(folder, 'node_modules', '@bpfship', `libbpf-linux-${ARCHITECTURE}`, 'lib', 'libbpf.so'),
    });
  });
});
